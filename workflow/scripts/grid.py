"""grid: a picture for each position of one layer, of what the layer sees there."""

from blockscope.job import run


def main(smk):
    from blockscope.ascent.grids import write_grid

    write_grid(
        smk.input.graph,
        smk.input.card,
        smk.input.activations,
        smk.params.layer,
        smk.wildcards.method,
        smk.params.recipe,
        smk.params.groups,
        smk.params.drawn,
        smk.params.magnitude,
        smk.output.zarr,
        smk.output.png,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
