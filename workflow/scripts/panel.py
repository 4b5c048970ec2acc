"""panel: one panel of a run's figure, for print."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.figures.data.facts import figure_facts
    from blockscope.figures.data.request import Asked
    from blockscope.figures.print.export import write_panel
    from blockscope.figures.style import Style

    name, asked, outputs = smk.params.panel, Asked(**smk.params.asked), dict(smk.output.items())
    facts = figure_facts("panel", asked, smk.input.picture, panel=name)
    write_panel(name, asked, dict(smk.input.items()), outputs, facts, Style(**smk.params.style))


if "snakemake" in globals():
    run(snakemake, main)
