"""The stage "grid": the cells of an activation grid as one picture."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from blockscope.io import datasets, provenance
from blockscope.io.images import Pixels, write_png

# What a picture says of its cells, beside where they come from.
RENDERED = ("method", "size", "steps", "groups", "drawn", "cosine", "crop", "seed")


def write_grid(
    cells_path: str | os.PathLike[str], magnitude: bool, output: str | os.PathLike[str]
) -> None:
    """Draw the cells of a file as PNG, cropped as the file says; ``magnitude``: see ``grid_sheet``.

    The picture records what the file does. Raises ``BadFile`` where the file is damaged.
    """
    grid, origin = datasets.read(cells_path), provenance.read(cells_path)
    cells = grid["cells"].transpose("row", "col", "y", "x", "rgb").to_numpy()
    sizes = grid["magnitude"].transpose("row", "col").to_numpy() if magnitude else None
    rendered = {key: origin[key] for key in RENDERED if key in origin}
    facts = provenance.record("grid", **provenance.inherited(origin), **rendered)
    write_png(output, grid_sheet(cells, int(origin["crop"]), sizes), facts)


def grid_sheet(
    cells: npt.NDArray[np.float32],
    crop: int,
    magnitudes: npt.NDArray[np.floating] | None = None,
) -> Pixels:
    """Put cells (row, col, y, x, rgb), 0 to 1, side by side: uint8 (row, col, rgb or rgba).

    ``crop`` pixels are left out on every side of a cell, where transforms leave little to be seen.
    With ``magnitudes`` (row, col), not negative, a cell shows no more than its middle: both sides
    are in proportion to the magnitude, the largest is whole, and the rest is transparent.
    """
    rows, cols, height, width, _ = cells.shape
    kept = cells[:, :, crop : height - crop, crop : width - crop]
    pixels = np.rint(255 * kept).astype(np.uint8)
    if magnitudes is not None:
        opaque = middles(magnitudes, pixels.shape[2], pixels.shape[3])
        opacity = np.where(opaque, np.uint8(255), np.uint8(0))
        pixels = np.concatenate([pixels, opacity[..., None]], axis=-1)
    placed = pixels.transpose(0, 2, 1, 3, 4)
    return placed.reshape(rows * pixels.shape[2], cols * pixels.shape[3], -1)


def middles(magnitudes: npt.NDArray[np.floating], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Return what of each cell is shown, (row, col, y, x): a middle in proportion."""
    share = magnitudes / (magnitudes.max() or 1.0)
    return _middle(share, height)[..., :, None] & _middle(share, width)[..., None, :]


def _middle(share: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.bool_]:
    """Return which of ``length`` places are in the middle ``share`` of them, (row, col, place)."""
    sides = np.rint(share * length).astype(int)[..., None]
    place, start = np.arange(length), (length - sides) // 2
    return (place >= start) & (place < start + sides)
