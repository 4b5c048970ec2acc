"""render: what each channel of a range of one layer's channels responds to."""

from blockscope.job import run


def main(smk):
    from blockscope.ascent.shards import write_shard

    write_shard(
        smk.input.graph,
        smk.input.card,
        smk.params.layer,
        tuple(smk.params.channels),
        smk.params.recipe,
        smk.params.progress,
        smk.params.code,
        smk.output.h5,
        memory_mb=smk.resources.batch_mb,
        gpu=bool(smk.resources.gpu),
    )


if "snakemake" in globals():
    run(snakemake, main)
