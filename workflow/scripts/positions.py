"""positions: the attribution between the positions of two layers."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.positions import write_positions

    write_positions(
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
