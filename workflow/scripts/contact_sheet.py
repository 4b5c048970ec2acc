"""contact_sheet: all sprites of a layer on a page, with what a picture makes of its channels."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.figures.page.contact_sheet import write_contact

    active, picture = smk.input.get("activations"), smk.input.get("image")
    write_contact(smk.output.html, smk.input.sprites, active, picture)


if "snakemake" in globals():
    run(snakemake, main)
