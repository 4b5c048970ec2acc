"""flow: what neuron groups of several layers add to every label through each other."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.flow import write_flow

    write_flow(
        **smk.input,
        layers=smk.params.layers,
        override=smk.params.override,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
