"""scores: how far the attribution of one layer, and other methods' maps, can be trusted."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.scores import write_scores

    write_scores(
        **{**smk.input, "mask": smk.input.mask or None},
        layer=smk.params.layer,
        override=smk.params.override,
        contrasts=smk.params.contrasts,
        objects=smk.params.objects,
        output=smk.output.h5,
        output_table=smk.output.tsv,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
