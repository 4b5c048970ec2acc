"""activations: the values of one layer for one image."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.activations import write_activations

    write_activations(
        **smk.input,
        layer=smk.params.layer,
        output=smk.output.zarr,
    )


if "snakemake" in globals():
    run(snakemake, main)
