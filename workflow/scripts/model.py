"""model: a network of the catalogue in normal form, as a frozen graph and its card."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.config.settings import ModelEntry
    from blockscope.models.normal_form import write_model

    write_model(
        ModelEntry.model_validate(smk.params.entry),
        smk.wildcards.model,
        smk.output.graph,
        smk.output.card,
        smk.params.downloads,
    )


if "snakemake" in globals():
    run(snakemake, main)
