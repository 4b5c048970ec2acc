"""panel: one panel of a run's figure, for print."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.figures.panel import write_panel

    write_panel(
        panel=smk.params.panel,
        run=smk.params.run,
        style=smk.params.style,
        files=dict(smk.input.items()),
        outputs=dict(smk.output.items()),
    )


if "snakemake" in globals():
    run(snakemake, main)
