"""sweep: a part of a data set through a network, all layers in one pass."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.datasets.sweep import write_part

    write_part(
        graph=smk.input.graph,
        card=smk.input.card,
        index=smk.input.index,
        layers=smk.params.layers,
        part=int(smk.wildcards.part),
        parts=int(smk.wildcards.parts),
        options=smk.params.options,
        damaged_ppm=smk.resources.damaged_ppm,
        background=tuple(smk.params.background),
        progress=smk.params.progress,
        code=smk.params.code,
        output=smk.output.h5,
        threads=smk.threads,
        neuron_groups=smk.input.get("neuron_groups"),
    )


if "snakemake" in globals():
    run(snakemake, main)
