"""contact_sheet: all sprites of a layer on a page, with an image how active its channels are."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.figures.contact_sheet import write_contact_sheet

    write_contact_sheet(
        output=smk.output.html,
        sprites=smk.input.sprites,
        activations=smk.input.get("activations"),
        image=smk.input.get("image"),
        exemplars=smk.input.get("exemplars", []),
        channel_page=smk.params.channel_page,
    )


if "snakemake" in globals():
    run(snakemake, main)
