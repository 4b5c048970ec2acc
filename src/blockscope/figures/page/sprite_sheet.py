"""Many small pictures inside a page: on one sheet, as large as there is room for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blockscope.feature_visualization.mosaics import sheet_of
from blockscope.figures.image_encoding import webp_uri

Pixels = NDArray[np.uint8]

BLOCK = 16  # pixels: tiles of whole blocks of WebP do not run into each other
QUALITY = 82
MOST_PIXELS = 16_383  # of a side: WebP's limit
GROWTH = 1.4  # characters grow with this power of the side, about; only says what to try next


@dataclass(frozen=True)
class TileSheet:
    """A sheet in a data: address; tile n is in column n % wrap, row n // wrap.

    side   of a tile, in pixels
    """

    uri: str
    side: int
    wrap: int
    count: int

    def plain(self) -> dict[str, object]:
        """Return it as a page knows it."""
        return {"uri": self.uri, "side": self.side, "wrap": self.wrap, "count": self.count}


def tile_sheet(tiles: Pixels, room: int, wrap: int | None = None) -> TileSheet:
    """Put tiles (tile, row, col, rgb) on a sheet whose address has at most ``room`` characters.

    ``wrap`` is the number of tiles in a row, near a square without it. Tiles are made smaller as
    far as needed, each by itself; where not even the smallest fit, those are taken. A side is the
    largest that fits as long as smaller tiles take less. Costs a second per 5 megapixels and try;
    mostly one try where the tiles fit as they are, else three.
    """
    count = len(tiles)
    wrap = wrap or max(1, math.ceil(math.sqrt(count)))
    lines = -(-count // wrap)
    all_sides = list(_sides(tiles.shape[1]))
    sides = [side for side in all_sides if max(wrap, lines) * side <= MOST_PIXELS] or all_sides[-1:]
    uri, side = "", sides[0]
    too_large, fitting, at = -1, len(sides), 0  # places in sides: the last, the first, the next
    while too_large + 1 < fitting:
        tried = webp_uri(sheet_of(_scaled(tiles, sides[at]), wrap), QUALITY)
        if len(tried) <= room:
            fitting = at
        else:
            too_large = at
        if fitting == at or fitting == len(sides):
            uri, side = tried, sides[at]
        wanted = sides[at] * (max(room, 0) / len(tried)) ** (1 / GROWTH)
        at = sum(side > wanted for side in sides)
        at = min(max(at, too_large + 1), fitting - 1)
    return TileSheet(uri, side, wrap, count)


def _sides(made: int) -> Iterator[int]:
    """Yield the sides that tiles may have, the one that they were made with first."""
    yield made
    yield from range((made - 1) // BLOCK * BLOCK, 0, -BLOCK)


def _scaled(tiles: Pixels, side: int) -> Pixels:
    if tiles.shape[1] == side:
        return tiles
    box, lanczos = (side, side), Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(one).resize(box, lanczos)) for one in tiles])
