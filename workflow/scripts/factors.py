"""factors: the attributions of all labels as a few factors, with the top labels of each."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.factors import write_factors

    write_factors(
        classes=smk.input.classes,
        fit_classes=smk.input.fit_classes or None,
        n=smk.params.n,
        method=smk.params.method,
        top_labels=smk.params.top_labels,
        joint_labels=smk.params.joint_labels,
        output=smk.output.h5,
        output_table=smk.output.tsv,
    )


if "snakemake" in globals():
    run(snakemake, main)
