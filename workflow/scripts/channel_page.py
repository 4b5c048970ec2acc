"""channel_page: a page with an article for each channel of a layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.figures.channel_page import write_channel_page

    write_channel_page(
        output=smk.output.html,
        card=smk.input.card,
        exemplars=smk.input.get("exemplars", []),
        sheets=smk.input.get("sheets", []),
        sprites=smk.input.get("sprites", []),
        drivers=smk.input.get("drivers", []),
        layer=smk.params.layer,
        page=smk.params.page,
        per_page=smk.params.per_page,
        pages=smk.params.pages,
        uses=smk.params.uses,
        top_channels=smk.params.top_channels,
        layers=smk.params.layers,
        gallery=smk.params.gallery,
    )


if "snakemake" in globals():
    run(snakemake, main)
