"""sprites: all sprites of one layer on one sheet."""

from blockscope.job import run


def main(smk):
    from blockscope.ascent.spritemaps import write_spritemap

    write_spritemap(
        smk.input.shards,
        smk.input.card,
        smk.params.layer,
        smk.output.zarr,
        smk.output.png,
        smk.output.json,
    )


if "snakemake" in globals():
    run(snakemake, main)
