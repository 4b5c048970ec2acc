"""What a data set of very many images takes before the first job."""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bench.own_process import ROOT
from bench.scale import measured, plan, write_project
from blockscope.config.result_paths import dataset_index

PER_FOLDER = 1000
OPEN = "from blockscope.io.image_sets import ImageSet; print(len(ImageSet.open('{}')))"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the number of images."""
    parser.add_argument("--dataset-images", type=int, default=100_000, help="of a large data set")


def run(options: argparse.Namespace) -> None:
    """Print time and memory of planning, listing and opening, for each kind of data set."""
    count = options.dataset_images
    print(f"\nData sets of {count:,} images: seconds (CPU seconds), peak MiB")
    print(f"{'kind':8}{'plan':>24}{'plan again':>24}{'rule dataset':>24}{'open':>24}")
    with tempfile.TemporaryDirectory(prefix="blockscope-datasets-") as name:
        folder = Path(name)
        write_project(folder, 1, 1)
        plan(folder, ROOT / "Snakefile", "results/figures/r0/factors.png")  # makes the card
        for kind, path in _written(folder, count):
            print(f"{kind:8}{_measure(folder, kind, path)}", flush=True)


def _written(folder: Path, count: int) -> Iterator[tuple[str, str]]:
    """Write data sets of empty images, and yield the kind and the path of each."""
    names = [f"{n // PER_FOLDER:04d}/photograph-{n:07d}.jpeg" for n in range(count)]
    for name in names:
        path = folder / "images" / name
        if name.endswith("000.jpeg"):
            path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    yield "folder", "images"
    (folder / "images.txt").write_text("\n".join(f"images/{name}" for name in names))
    yield "list", "images.txt"
    with tarfile.open(folder / "images.tar", "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
            archive.members.clear()  # type: ignore[attr-defined]
    yield "tar", "images.tar"
    with zipfile.ZipFile(folder / "images.zip", "w") as packed:
        for name in names:
            packed.writestr(name, b"")
    yield "zip", "images.zip"


def _measure(folder: Path, kind: str, path: str) -> str:
    """Return the figures of a data set, whose index holds all of its images."""
    config, runs = folder / "config" / "config.yaml", folder / "config" / "runs.tsv"
    (folder / "config" / "datasets.tsv").write_text(f"dataset\tpath\n{kind}\t{path}\n")
    if "datasets" not in config.read_text():
        config.write_text(
            config.read_text().replace("{", '{"datasets": "config/datasets.tsv", ', 1)
        )
    head, row, *_ = runs.read_text().splitlines()
    cells = dict(zip(head.split("\t"), row.split("\t"), strict=True)) | {"dataset": kind}
    runs.write_text("\n".join(["\t".join(cells), "\t".join(cells.values())]) + "\n")
    index = dataset_index(kind)
    planned = [plan(folder, ROOT / "Snakefile", index) for _ in range(2)]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--executor", "local"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder), index]
    found = [*planned, measured(command, folder)]
    found.append(measured([sys.executable, "-c", OPEN.format(index)], folder))
    return "".join(f"{one.wall:9.1f} ({one.cpu:5.1f}) {one.peak:6.0f}" for one in found)
