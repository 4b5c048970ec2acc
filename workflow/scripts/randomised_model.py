"""randomised_model: a network of the catalogue that is another one with weights drawn anew."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.models.randomised_entry import RandomisedEntry
    from blockscope.stages.network.randomised_model import write_randomised_model

    write_randomised_model(
        entry=RandomisedEntry.model_validate(smk.params.entry),
        name=smk.wildcards.model,
        source_graph=smk.input.graph,
        source_card=smk.input.card,
        graph_path=smk.output.graph,
        card_path=smk.output.card,
    )


if "snakemake" in globals():
    run(snakemake, main)
