"""dataset: the index of a data set, which says where each of its images is."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.datasets.dataset import write_dataset

    write_dataset(
        **smk.params.chosen,
        dataset=smk.wildcards.dataset,
        output=smk.output.h5,
    )


if "snakemake" in globals():
    run(snakemake, main)
