"""drivers: which channels of a layer drive each channel of a later one."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.channel_to_channel import write_drivers

    write_drivers(
        smk.input.graph,
        smk.input.card,
        smk.input.image,
        smk.input.activations,
        smk.params.layer1,
        smk.params.layer2,
        smk.params.override,
        smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
