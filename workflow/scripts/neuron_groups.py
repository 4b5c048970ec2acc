"""neuron_groups: the activations of one layer as a few groups, and the effect of each on every class."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.group_effects import write_neurons

    write_neurons(
        smk.input.graph,
        smk.input.card,
        smk.input.image,
        smk.input.activations,
        smk.params.layer,
        smk.params.n,
        smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
