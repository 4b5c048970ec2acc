"""Pictures of single channels: where a channel is active, and what it sees there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blockscope.figures.data.maps import Place, place_overlay, place_picture
from blockscope.figures.image_encoding import Picture
from blockscope.figures.palettes import palettes
from blockscope.figures.print.sheet import Sheet
from blockscope.figures.style import Style

CROP = 3  # the part of the picture that drives a channel is one third of the shorter side
DIM = 0.85  # light that is left in the picture under a map
INSIDE = 0.2  # mm that a frame is drawn inwards, so that it stays within the picture


@dataclass(frozen=True)
class Square:
    """A square part of a picture, in pixels from its upper left corner."""

    top: int
    left: int
    side: int

    def of(self, picture: Picture) -> Picture:
        """Cut the part out of a picture (row, col, rgb)."""
        return picture[self.top : self.top + self.side, self.left : self.left + self.side]


def driving_square(active: NDArray[np.floating], size: tuple[int, int]) -> Square:
    """Return the part of the picture that drives a channel most.

    active   float (row, col), the channel's activations
    size     (row, col) of the picture in pixels

    Its side is a third of the picture's shorter side, and its centre that of the position with the
    largest activation, moved inwards as far as the edge of the picture asks.
    """
    side = max(1, min(size) // CROP)
    place = np.unravel_index(int(active.argmax()), active.shape)
    centre = [(at + 0.5) / count * length for at, count, length in zip(
        place, active.shape, size, strict=True
    )]  # fmt: skip
    top, left = (
        min(max(round(middle - side / 2), 0), length - side)
        for middle, length in zip(centre, size, strict=True)
    )
    return Square(top, left, side)


def dimmed(picture: Picture) -> Picture:
    """Return the picture in grey and darker, so that all colour over it belongs to a map."""
    grey = picture.astype(np.float64) @ [0.2126, 0.7152, 0.0722]
    return np.rint(DIM * grey)[..., None].repeat(3, axis=2).astype(np.uint8)


def place_sprite(sheet: Sheet, at: Place, sprite: Picture, style: Style) -> float:
    """Place a tile of a spritemap; returns where it ends."""
    place_picture(sheet, at, sprite, style)
    return at.top + at.height(sprite)


def place_activations(
    sheet: Sheet,
    at: Place,
    picture: Picture,
    active: NDArray[np.floating],
    style: Style,
    frame: bool,
) -> float:
    """Place a channel's activations over the dimmed input, on their own scale; returns their end.

    active   float (row, col)
    frame    draw the border of the part of the input that drives the channel
    """
    rows, cols, _ = picture.shape
    overlay = palettes()["cividis"].paint(active)
    place_overlay(sheet, at, dimmed(picture), overlay, style)
    if frame:
        part = driving_square(active, (rows, cols))
        scale = at.width / cols
        left, top = at.left + part.left * scale, at.top + part.top * scale
        side = part.side * scale - 2 * INSIDE
        for colour, points in (("#000000", 1.2), ("#ffffff", 0.6)):  # seen on any ground
            sheet.outline(left + INSIDE, top + INSIDE, side, side, colour, points)
    return at.top + at.height(picture)
