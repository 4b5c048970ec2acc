"""channels: the attribution of pairs of classes to every channel of one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.channels import write_channels

    write_channels(
        smk.input.graph,
        smk.input.card,
        smk.input.image,
        smk.input.activations,
        smk.params.layer,
        smk.params.override,
        smk.output.h5,
        smk.params.pairs,
        smk.params.methods,
        seed=smk.params.seed,
        tolerance=smk.params.tolerance,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
