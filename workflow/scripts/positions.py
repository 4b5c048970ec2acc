"""positions: the attribution between the positions of two layers."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.positions import write_positions

    write_positions(
        **smk.input,
        layer1=smk.params.layer1,
        layer2=smk.params.layer2,
        override=smk.params.override,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
