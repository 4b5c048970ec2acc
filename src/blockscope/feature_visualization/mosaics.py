"""Mosaics: sprites on a sheet, cells of an activation grid side by side; arrays only."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

LIGHT_GREY = 220  # under what is transparent, as on the article's sheets
# Tiles in a row of the sheets that came with the article, by InceptionV1's layers.
WRAPS = {
    "mixed3a": 16, "mixed3b": 21, "mixed4a": 22, "mixed4b": 22, "mixed4c": 22, "mixed4d": 22,
    "mixed4e": 28, "mixed5a": 28,
}  # fmt: skip


def flatten_alpha(sprites: Pixels) -> tuple[Pixels, Pixels | None]:
    """Return sprites (..., rgb) on a light grey, and their opacity (...), None without one."""
    if sprites.shape[-1] == 3:
        return sprites, None
    opacity = sprites[..., 3:] / 255
    colours = opacity * sprites[..., :3] + (1 - opacity) * LIGHT_GREY
    return np.rint(colours).astype(np.uint8), sprites[..., 3]


def wrap_of(layer: str, count: int) -> int:
    """Return how many tiles a row has: the article's number, or as many as give a square."""
    return WRAPS.get(layer) or math.ceil(math.sqrt(count))


def sheet_of(sprites: Pixels, wrap: int) -> Pixels:
    """Return sprites (sprite, row, col, rgb) on one sheet (row, col, rgb), ``wrap`` in a row."""
    count, size = sprites.shape[:2]
    rows = -(-count // wrap)
    tiles = np.full((rows * wrap, size, size, 3), LIGHT_GREY, np.uint8)
    tiles[:count] = sprites
    grid = tiles.reshape(rows, wrap, size, size, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * size, wrap * size, 3)


def grid_sheet(
    cells: Pixels,
    crop: int,
    magnitudes: npt.NDArray[np.floating] | None = None,
) -> Pixels:
    """Put the cells of an activation grid side by side.

    Parameters
    ----------
    cells
        (row, col, y, x, rgb).
    crop
        Pixels left out on every side of a cell, where transforms leave little to be seen.
    magnitudes
        (row, col), not negative. With these a cell shows only its middle: both sides are in
        proportion to the magnitude, the largest is whole, and the rest is transparent.

    Returns
    -------
    Pixels
        (row, col, rgb), or rgba with magnitudes.
    """
    rows, cols, height, width, _ = cells.shape
    pixels = cells[:, :, crop : height - crop, crop : width - crop]
    if magnitudes is not None:
        shown = scaled_cell_mask(magnitudes, pixels.shape[2], pixels.shape[3])
        opacity = np.where(shown, np.uint8(255), np.uint8(0))
        pixels = np.concatenate([pixels, opacity[..., None]], axis=-1)
    placed = pixels.transpose(0, 2, 1, 3, 4)
    return placed.reshape(rows * pixels.shape[2], cols * pixels.shape[3], -1)


def scaled_cell_mask(
    magnitudes: npt.NDArray[np.floating], height: int, width: int
) -> npt.NDArray[np.bool_]:
    """Return what of each cell is shown, (row, col, y, x): a middle in proportion."""
    share = magnitudes / (magnitudes.max() or 1.0)
    return _middle(share, height)[..., :, None] & _middle(share, width)[..., None, :]


def _middle(share: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.bool_]:
    """Return which of ``length`` places are in the middle ``share`` of them, (row, col, place)."""
    sides = np.rint(share * length).astype(int)[..., None]
    place, start = np.arange(length), (length - sides) // 2
    return (place >= start) & (place < start + sides)
