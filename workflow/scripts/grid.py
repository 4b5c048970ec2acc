"""grid: the pictures of all positions of one layer, side by side."""

from blockscope.job import run


def main(smk):
    from blockscope.ascent.grids_sheet import write_grid

    write_grid(smk.input.zarr, smk.params.magnitude, smk.output.png)


if "snakemake" in globals():
    run(snakemake, main)
