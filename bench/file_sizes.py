"""Sizes of result files by kind, beside those of another folder, and how long reading takes."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import h5py

from blockscope.config.result_paths import RESULTS
from blockscope.io import datasets

ENDINGS = (*datasets.ENDINGS, ".png", ".json", ".tsv", ".html", ".svg", ".pdf", ".pb")
# Names of folders that say what is in them; of a path the last one counts.
FOLDERS = frozenset(
    {
        "ablation", "activations", "channels", "classes", "datasets", "drivers", "factors",
        "figures", "flow", "grids", "groups", "positions", "sanity", "scores", "shards", "sprites",
    }
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the folders."""
    parser.add_argument("--sizes-of", type=Path, default=Path(RESULTS), help="files: the results")
    parser.add_argument("--sizes-before", type=Path, help="files: others to compare them with")


def run(options: argparse.Namespace) -> None:
    """Print a line for each kind of file that both folders have."""
    now = _sizes(options.sizes_of)
    before = _sizes(options.sizes_before) if options.sizes_before else now
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(now.keys() & before.keys()):
        kinds[_kind(path)].append(path)
    print(f"\n{'files':30} {'count':>5} {'bytes':>12}  of before  of bare numbers   read")
    for kind, paths in sorted(kinds.items()):
        total = sum(now[path] for path in paths)
        ratio = total / sum(before[path] for path in paths)
        line = f"{kind:30} {len(paths):5} {total:12,} {ratio:10.3f}"
        if kind.endswith(".h5"):
            bare = sum(_bare(options.sizes_of / path) for path in paths)
            seconds = min(_seconds(options.sizes_of / path) for path in paths[:3])
            line += f" {total / bare:16.3f} {seconds * 1e3:4.0f} ms"
        print(line)


def _sizes(folder: Path) -> dict[Path, int]:
    files = (path for path in folder.rglob("*") if path.name.endswith(ENDINGS))
    return {path.relative_to(folder): path.stat().st_size for path in files}


def _kind(path: Path) -> str:
    ending = next(ending for ending in ENDINGS if path.name.endswith(ending))
    folder = next((part for part in reversed(path.parts[:-1]) if part in FOLDERS), path.name)
    return f"{folder} {ending}"


def _bare(path: Path) -> int:
    """Return the bytes of all arrays of an HDF5 file, as numbers and characters."""
    with h5py.File(path, "r") as file:
        return sum(item.nbytes for item in file.values() if not _is_no_array(item))


def _is_no_array(item: h5py.Dataset) -> bool:
    return str(item.attrs.get("NAME", b"")).startswith("b'This is a netCDF dimension but not")


def _seconds(path: Path) -> float:
    began = time.perf_counter()
    datasets.read(path)
    return time.perf_counter() - began
