"""render_sprites: what some units of one layer respond to."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.feature_visualization.shards import write_shard

    write_shard(
        smk.input.graph,
        smk.input.card,
        smk.params.layer,
        smk.params.kind,
        smk.params.numbers,
        smk.params.recipe,
        smk.params.progress,
        smk.params.code,
        smk.output.h5,
        memory_mb=smk.resources.batch_mb,
        groups_path=smk.input.get("groups"),
        gpu=bool(smk.resources.gpu),
    )


if "snakemake" in globals():
    run(snakemake, main)
