"""Whether the exemplars of a channel share a colour, a fill or a shape, of drawn scenes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from blockscope.io import datasets
from blockscope.io.blocks1000.numbered import draw_numbered
from blockscope.io.image_sets import ImageSet
from studies.blocks1000.exemplar_truth import NOTHING, sharing, shown_kind, table

RESULTS = "results/models/blocks1000/datasets/scenes/{}.h5"
INDEX = "results/datasets/scenes.h5"
WINDOW = 48  # pixels around the position of an exemplar in which its block is looked for


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the layers and the number of exemplars."""
    parser.add_argument("--exemplar-layers", nargs="+", default=["mixed4d", "mixed5a"])
    parser.add_argument("--exemplars-each", type=int, default=9, help="of each channel")


def run(options: argparse.Namespace) -> None:
    """Print a table for each layer and ranking."""
    for layer in options.exemplar_layers:
        path = Path(RESULTS.format(layer))
        if not path.is_file():
            print(f"\nExemplars of {layer}: first make them by: snakemake {path}")
            continue
        found = datasets.read(path)
        images = ImageSet.open(INDEX)
        cells = int(found.attrs["rows"]), int(found.attrs["cols"])
        for ranking in found["ranking"].to_numpy():
            ranked = found.sel(ranking=ranking).isel(rank=slice(options.exemplars_each))
            names = ("number", "position_row", "position_col", "value")
            columns = [ranked[name].transpose("channel", "rank").to_numpy() for name in names]
            kinds = _kinds(columns, cells, images.seed)
            share = (kinds[..., 0] >= 0).mean() / max((columns[0] >= 0).mean(), 1e-9)
            print(
                f"\n{layer}, {ranking}, {options.exemplars_each} exemplars of each channel of "
                f"{len(images)} scenes; {share:.0%} of them show a block"
            )
            print(table(sharing(kinds, images.seed)))


def _kinds(columns: list[np.ndarray], cells: tuple[int, int], seed: int) -> np.ndarray:
    """Return what each exemplar shows (channel, rank, part); every scene is drawn once."""
    numbers, rows, cols, values = columns
    kinds = np.full((*numbers.shape, 3), NOTHING)
    for number in np.unique(numbers[numbers >= 0]):
        scene = draw_numbered(seed, int(number))
        for channel, rank in np.argwhere((numbers == number) & (values > 0)):
            place = int(rows[channel, rank]), int(cols[channel, rank])
            kinds[channel, rank] = shown_kind(scene, place, cells, WINDOW)
    return kinds
