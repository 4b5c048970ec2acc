"""Many small images inside a page: on one sheet, as large as there is room for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from blockscope.feature_visualization.mosaics import sheet_of
from blockscope.figures.arrays import Pixels
from blockscope.figures.image_encoding import webp_uri

BLOCK = 16  # pixels: tiles of whole WebP blocks do not bleed into each other
QUALITY = 82
MOST_PIXELS = 16_383  # of a side: WebP's limit
GROWTH = 1.4  # characters grow roughly with this power of the side; only decides what to try next


@dataclass(frozen=True)
class SpriteSheet:
    """A sheet in a data: address; tile n is in column n % wrap, row n // wrap.

    ``side`` is that of a tile, in pixels.
    """

    uri: str
    side: int
    wrap: int
    count: int


def sprite_sheet(tiles: Pixels, room: int, wrap: int | None = None) -> SpriteSheet:
    """Put tiles (tile, row, col, rgb) on a sheet whose address has at most ``room`` characters.

    Tiles are scaled down as far as needed, each separately; where not even the smallest fit, those
    are taken. The side is the largest that fits, provided that smaller tiles take less room. Costs
    a second per 5 megapixels and try: one try where the tiles fit as they are, mostly three
    otherwise. ``wrap`` is the number of tiles in a row; by default the sheet is nearly square.
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
    return SpriteSheet(uri, side, wrap, count)


def _sides(made: int) -> Iterator[int]:
    """Yield the sides that tiles may have, their own first."""
    yield made
    yield from range((made - 1) // BLOCK * BLOCK, 0, -BLOCK)


def _scaled(tiles: Pixels, side: int) -> Pixels:
    if tiles.shape[1] == side:
        return tiles
    box, lanczos = (side, side), Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(one).resize(box, lanczos)) for one in tiles])
