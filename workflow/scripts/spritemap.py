"""spritemap: the sprites of one layer, or of some of its units, on one sheet."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.feature_visualization.unit_selection import read_numbers
    from blockscope.stages.feature_visualization.spritemap import write_spritemap

    write_spritemap(
        shards=smk.input.shards,
        numbers=read_numbers(smk.params.numbers),
        layer=smk.params.layer,
        zarr=smk.output.zarr,
        png=smk.output.png,
        json=smk.output.json,
    )


if "snakemake" in globals():
    run(snakemake, main)
