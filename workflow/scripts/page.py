"""page: the figure of one run as a self-contained page."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.figures.page import write_page

    write_page(
        output=smk.output.html,
        run=smk.params.run,
        panels=smk.params.panels,
        style=smk.params.style,
        files=dict(smk.input.items()),
        gallery=smk.params.gallery,
    )


if "snakemake" in globals():
    run(snakemake, main)
