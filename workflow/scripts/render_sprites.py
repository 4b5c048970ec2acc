"""render_sprites: sprites of some units of one layer."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.feature_visualization.render_sprites import write_shard

    write_shard(
        graph=smk.input.graph,
        card=smk.input.card,
        layer=smk.params.layer,
        kind=smk.params.kind,
        numbers=smk.params.numbers,
        recipe=smk.params.recipe,
        progress=smk.params.progress,
        code=smk.params.code,
        h5=smk.output.h5,
        memory_mb=smk.resources.batch_mb,
        neuron_groups=smk.input.get("neuron_groups"),
        gpu=bool(smk.resources.gpu),
    )


if "snakemake" in globals():
    run(snakemake, main)
