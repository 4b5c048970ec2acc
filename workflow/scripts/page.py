"""page: the figure of one run as a self-contained page."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.config.settings import RunRow
    from blockscope.figures.data.panel_files import PanelFiles
    from blockscope.figures.data.provenance_checks import figure_facts
    from blockscope.figures.page.run_page import write_page
    from blockscope.figures.style import Style

    params, row = smk.params, RunRow.model_validate(smk.params.run)
    facts = figure_facts("page", row, smk.input.image)
    files, style = PanelFiles(dict(smk.input.items())), Style.model_validate(params.style)
    write_page(smk.output.html, row, params.panels, files, facts, style, params.gallery)


if "snakemake" in globals():
    run(snakemake, main)
