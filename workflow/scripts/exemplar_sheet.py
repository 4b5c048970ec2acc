"""exemplar_sheet: the parts of images that drive each channel of a layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.datasets.exemplar_sheet import write_exemplar_sheet

    write_exemplar_sheet(
        exemplars=smk.input.exemplars,
        index=smk.input.index,
        neuron_groups=smk.input.get("neuron_groups"),
        graph=smk.input.graph,
        card=smk.input.card,
        background=tuple(smk.params.background),
        memory_mb=smk.resources.batch_mb,
        zarr=smk.output.zarr,
        png=smk.output.png,
        json=smk.output.json,
    )


if "snakemake" in globals():
    run(snakemake, main)
