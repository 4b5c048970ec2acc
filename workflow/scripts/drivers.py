"""drivers: the attribution between the channels of two layers."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.drivers import write_drivers

    write_drivers(
        **smk.input,
        layer1=smk.params.layer1,
        layer2=smk.params.layer2,
        override=smk.params.override,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
