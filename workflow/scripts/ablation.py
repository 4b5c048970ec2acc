"""ablation: what each logit really loses without a position, channel or neuron group of a layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.attribution.ablation import write_ablation

    write_ablation(
        **smk.input,
        layer=smk.params.layer,
        baseline=smk.params.baseline,
        output=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
    )


if "snakemake" in globals():
    run(snakemake, main)
