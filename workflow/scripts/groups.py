"""groups: the panel "attribution groups" of one run, for print."""

from blockscope.job import run


def main(smk):
    from blockscope.figures.facts import figure_facts
    from blockscope.figures.groups import Style, write_groups
    from blockscope.figures.panel import GroupsPanel

    params, files = smk.params, smk.input
    panel = GroupsPanel.from_files(
        params.run, files.picture, files.classes, files.factors, params.asked, params.probabilities
    )
    outputs = {"pdf": smk.output.pdf, "svg": smk.output.svg, "png": smk.output.png}
    facts = figure_facts("groups", params.run, files.factors)
    write_groups(outputs, panel, facts, Style(**params.style))


if "snakemake" in globals():
    run(snakemake, main)
