"""render_grid: a picture for each position of one layer, of what the layer sees there."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.feature_visualization.activation_grid import write_cells

    write_cells(
        smk.input.graph,
        smk.input.card,
        smk.input.activations,
        smk.params.layer,
        smk.wildcards.method,
        smk.params.recipe,
        smk.params.groups,
        smk.params.drawn,
        smk.params.cosine,
        smk.params.progress,
        smk.params.code,
        smk.output.zarr,
        memory_mb=smk.resources.batch_mb,
        gpu=bool(smk.resources.gpu),
    )


if "snakemake" in globals():
    run(snakemake, main)
