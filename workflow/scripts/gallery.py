"""gallery: the page of all runs."""

from blockscope.job import run


def main(smk):
    from blockscope import provenance
    from blockscope.figures.gallery import GalleryRun, write_gallery

    runs = [GalleryRun(**shown) for shown in smk.params.runs]
    write_gallery(smk.output.html, runs, provenance.record("gallery", runs=len(runs)))


if "snakemake" in globals():
    run(snakemake, main)
