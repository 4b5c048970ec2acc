"""classes: the attribution of every class to every position of one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.labels import write_classes

    write_classes(
        smk.input.graph,
        smk.input.card,
        smk.input.image,
        smk.input.activations,
        smk.params.layer,
        smk.params.override,
        smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
