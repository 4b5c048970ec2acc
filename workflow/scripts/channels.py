"""channels: the attribution of contrasts between labels to every channel of one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.channels import write_channels

    write_channels(
        **smk.input,
        layer=smk.params.layer,
        override=smk.params.override,
        contrasts=smk.params.contrasts,
        methods=smk.params.methods,
        seed=smk.params.seed,
        tolerance=smk.params.tolerance,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
