"""gallery: the page of all runs."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.figures.gallery import write_gallery

    write_gallery(
        output=smk.output.html,
        runs=smk.params.runs,
        channel_pages=smk.params.channel_pages,
    )


if "snakemake" in globals():
    run(snakemake, main)
