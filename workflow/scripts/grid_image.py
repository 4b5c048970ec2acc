"""grid_image: the pictures of all positions of one layer, side by side."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.feature_visualization.grids_sheet import write_grid

    write_grid(smk.input.zarr, smk.params.magnitude, smk.output.png)


if "snakemake" in globals():
    run(snakemake, main)
