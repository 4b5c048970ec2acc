"""classes: the attribution of every label to every position of one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.classes import write_classes

    write_classes(
        **smk.input,
        layer=smk.params.layer,
        override=smk.params.override,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
