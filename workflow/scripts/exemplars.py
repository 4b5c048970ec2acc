"""exemplars: the parts of a data set put together, for one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.datasets.exemplars import write_exemplars

    write_exemplars(
        card=smk.input.card,
        index=smk.input.index,
        shards=smk.input.shards,
        dataset=smk.params.dataset,
        layer=smk.params.layer,
        damaged_ppm=smk.resources.damaged_ppm,
        output=smk.output.h5,
        unit=smk.params.unit,
    )


if "snakemake" in globals():
    run(snakemake, main)
