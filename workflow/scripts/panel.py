"""panel: one panel of a run's figure, for print."""

from blockscope.job import run


def main(smk):
    from blockscope.figures.asked import Asked
    from blockscope.figures.facts import figure_facts
    from blockscope.figures.printed import write_panel
    from blockscope.figures.style import Style

    asked, outputs = Asked(**smk.params.asked), dict(smk.output.items())
    facts = figure_facts("panel", asked, smk.input.picture)
    style = Style(**smk.params.style)
    write_panel(smk.params.panel, asked, dict(smk.input.items()), outputs, facts, style)


if "snakemake" in globals():
    run(snakemake, main)
