"""neuron_groups: the activations of one layer as a few groups, with their effect on every label."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.neuron_groups import write_neuron_groups

    write_neuron_groups(
        **smk.input,
        layer=smk.params.layer,
        n=smk.params.n,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
