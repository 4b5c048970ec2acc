"""input: a picture as the network sees it."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.input import write_input

    write_input(
        smk.input.image,
        smk.input.card,
        smk.output.png,
        tuple(smk.params.background),
        smk.params.image,
    )


if "snakemake" in globals():
    run(snakemake, main)
