"""gallery: the page of all runs."""

from blockscope.runtime.job import run


def main(smk):
    from blockscope.figures.page.gallery import GalleryRun, write_gallery
    from blockscope.io import provenance

    runs = [GalleryRun(**shown) for shown in smk.params.runs]
    write_gallery(smk.output.html, runs, provenance.record("gallery", runs=len(runs)))


if "snakemake" in globals():
    run(snakemake, main)
