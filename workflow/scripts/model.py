"""model: a network of the catalogue in normal form, as a frozen graph and its card."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.models.entry import ModelEntry
    from blockscope.stages.network.model import write_model

    write_model(
        entry=ModelEntry.model_validate(smk.params.entry),
        name=smk.wildcards.model,
        graph_path=smk.output.graph,
        card_path=smk.output.card,
        downloads=smk.params.downloads,
        download_mb=smk.resources.download_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
