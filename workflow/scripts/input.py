"""input: an image as the network sees it."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.network.input import write_input

    write_input(
        image_path=smk.input.image,
        card_path=smk.input.card,
        output=smk.output.png,
        background=tuple(smk.params.background),
        image=smk.params.image,
    )


if "snakemake" in globals():
    run(snakemake, main)
