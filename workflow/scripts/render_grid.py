"""render_grid: the cells of one layer's activation grid for one image."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.feature_visualization.render_grid import write_cells

    write_cells(
        graph=smk.input.graph,
        card=smk.input.card,
        activations=smk.input.activations,
        layer=smk.params.layer,
        method=smk.wildcards.method,
        recipe=smk.params.recipe,
        neuron_groups=smk.params.neuron_groups,
        cells_per_step=smk.params.cells_per_step,
        cosine_power=smk.params.cosine_power,
        progress=smk.params.progress,
        code=smk.params.code,
        zarr=smk.output.zarr,
        memory_mb=smk.resources.batch_mb,
        gpu=bool(smk.resources.gpu),
    )


if "snakemake" in globals():
    run(snakemake, main)
