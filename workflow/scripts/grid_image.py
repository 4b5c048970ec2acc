"""grid_image: the cells of one layer's activation grid, side by side."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.stages.feature_visualization.grid_image import write_grid

    write_grid(
        zarr=smk.input.zarr,
        scale_by_magnitude=smk.params.scale_by_magnitude,
        png=smk.output.png,
    )


if "snakemake" in globals():
    run(snakemake, main)
