"""factors: the attributions of all classes as a few factors, with the top labels of each."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.attribution.factors import write_factors

    write_factors(
        smk.input.classes,
        smk.input.fit_classes or None,
        smk.params.n,
        smk.params.method,
        smk.params.top_labels,
        smk.params.joint_labels,
        smk.output.h5,
        smk.output.tsv,
    )


if "snakemake" in globals():
    run(snakemake, main)
