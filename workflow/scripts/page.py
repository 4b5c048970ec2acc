"""page: the figure of one run as a self-contained page."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.figures.data.facts import figure_facts
    from blockscope.figures.data.request import Asked
    from blockscope.figures.page.run_page import write_page
    from blockscope.figures.style import Style

    params, asked = smk.params, Asked(**smk.params.asked)
    facts = figure_facts("page", asked, smk.input.picture)
    files, style = dict(smk.input.items()), Style(**params.style)
    write_page(smk.output.html, asked, params.panels, files, facts, style, params.gallery)


if "snakemake" in globals():
    run(snakemake, main)
