"""sanity: how alike a network's maps are to those of the network with weights drawn anew."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.sanity import write_sanity

    write_sanity(
        card=smk.input.card,
        classes=smk.input.classes,
        cards=smk.input.cards,
        randomised=smk.input.randomised,
        output=smk.output.h5,
        output_table=smk.output.tsv,
    )


if "snakemake" in globals():
    run(snakemake, main)
