"""Tiles of single channels: where a channel is active, and what it sees there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.palettes import palettes
from blockscope.figures.print.parts.layout import Place, place_image, place_overlay
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.style import Style

BETWEEN = 0.6  # mm between pictures of a channel
CROP = 3  # the part around a channel's largest activation is a third of the shorter side
DIM = 0.85  # light that is left in the image under a map
INSIDE = 0.2  # mm that a frame is drawn inwards, so that it stays within the image


@dataclass(frozen=True)
class Crop:
    """A square part of an image, in pixels from its upper left corner."""

    top: int
    left: int
    side: int

    def of(self, pixels: Pixels) -> Pixels:
        """Cut the part out of an image."""
        return pixels[self.top : self.top + self.side, self.left : self.left + self.side]


def peak_crop(active: Floats, size: tuple[int, int]) -> Crop:
    """Return the part of the input around a channel's largest activation.

    Its side is a third of the input's shorter side, and its centre that of the position, moved
    inwards as far as the edges require. ``active`` (row, col) are the channel's activations,
    ``size`` (row, col) is that of the input in pixels.
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
    return Crop(top, left, side)


def dimmed(pixels: Pixels) -> Pixels:
    """Return an image in grey and darker, so that all colour over it belongs to a map."""
    grey = pixels.astype(np.float64) @ [0.2126, 0.7152, 0.0722]
    return np.rint(DIM * grey)[..., None].repeat(3, axis=2).astype(np.uint8)


def place_sprite(sheet: Sheet, at: Place, sprite: Pixels) -> float:
    """Place a tile of a spritemap; returns where it ends."""
    place_image(sheet, at, sprite)
    return at.top + at.height(sprite)


def place_pictures(
    sheet: Sheet,
    at: Place,
    pictures: Sequence[Sprites | None],
    channel: int,
) -> float | None:
    """Place a channel's tile of each sheet below one another; returns where they end.

    None where there is no sheet.
    """
    end = None
    for sprites in pictures:
        if sprites is not None:
            top = at.top if end is None else end + BETWEEN
            end = place_sprite(sheet, Place(at.left, top, at.width), sprites.of(channel))
    return end


def place_activations(
    sheet: Sheet,
    at: Place,
    pixels: Pixels,
    active: Floats,
    style: Style,
    frame: bool,
) -> float:
    """Place a channel's activations (row, col) over the dimmed input, on their own scale.

    ``frame``: draw the border of the part around the largest. Returns where they end.
    """
    rows, cols, _ = pixels.shape
    overlay = palettes()["cividis"].paint(active)
    place_overlay(sheet, at, dimmed(pixels), overlay, style)
    if frame:
        part = peak_crop(active, (rows, cols))
        scale = at.width / cols
        left, top = at.left + part.left * scale, at.top + part.top * scale
        side = part.side * scale - 2 * INSIDE
        for colour, points in (("#000000", 1.2), ("#ffffff", 0.6)):  # seen on any ground
            sheet.outline(left + INSIDE, top + INSIDE, side, side, colour, points)
    return at.top + at.height(pixels)
