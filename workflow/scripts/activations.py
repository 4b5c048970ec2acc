"""activations: the values of one layer for one picture."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.activations import write_activations

    write_activations(
        smk.input.graph, smk.input.card, smk.input.image, smk.params.layer, smk.output.zarr
    )


if "snakemake" in globals():
    run(snakemake, main)
