"""spritemap: the sprites of one layer, or of some of its units, on one sheet."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.feature_visualization.spritemaps import write_spritemap
    from blockscope.feature_visualization.unit_selection import read_numbers

    write_spritemap(
        smk.input.shards,
        read_numbers(smk.params.numbers),
        smk.params.layer,
        smk.output.zarr,
        smk.output.png,
        smk.output.json,
    )


if "snakemake" in globals():
    run(snakemake, main)
