"""page: the figure of one run as a self-contained page."""

from blockscope.job import run


def main(smk):
    from blockscope.figures.facts import figure_facts
    from blockscope.figures.groups import Style
    from blockscope.figures.page import write_page
    from blockscope.figures.panel import GroupsPanel

    params, files = smk.params, smk.input
    panel = GroupsPanel.from_files(
        params.run, files.picture, files.classes, files.factors, params.asked, params.probabilities
    )
    facts = figure_facts("page", params.run, files.factors)
    linked = {"PDF": files.pdf, "SVG": files.svg, "PNG": files.png}
    write_page(smk.output.html, panel, facts, linked, Style(**params.style), params.gallery)


if "snakemake" in globals():
    run(snakemake, main)
