"""The strongest channels of a layer as tiles with their values, on a sheet."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.figures.arrays import Pixels
from blockscope.figures.captions import sides, signed
from blockscope.figures.data.channels import LayerChannels, MethodChannels
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.channel_bars import BarScale
from blockscope.figures.print.parts.channel_tiles import (
    peak_crop,
    place_activations,
    place_pictures,
)
from blockscope.figures.print.parts.layout import Place, place_image
from blockscope.figures.print.parts.sheet import Sheet, text_width, wrapped
from blockscope.figures.style import Style

LEAST, MOST = 13.0, 22.0  # mm, width of a tile
SPACE = 1.5  # mm between tiles
APART = 5.0  # mm between the two directions
CROP_GAP = 0.6  # mm between a tile and the part below it
SWATCH = 3.2  # mm that the colour before a name takes


@dataclass(frozen=True)
class TopChannels:
    """The strongest channels of a layer by one method, in both directions.

    ``pixels`` is the input. ``crop``: show below each tile the part of the input around the
    channel's largest activation.
    """

    layer: LayerChannels
    found: MethodChannels
    pixels: Pixels
    scale: BarScale
    style: Style
    crop: bool = True

    def place(self, sheet: Sheet, at: Place) -> float:
        """Place the tiles; returns where they end.

        Those above zero from the strongest down, then those below zero up to the strongest: in one
        row where it holds both, otherwise below one another in as many rows as they need.
        """
        left, top, width = at.left, at.top, at.width
        chosen = self.found.strongest(self.style.top_channels)
        both = [
            (name, colour, [(int(place), float(self.found.values[place])) for place in places])
            for name, colour, places in zip(
                sides(self.layer.contrast), (FOR, AGAINST), chosen, strict=True
            )
            if len(places)
        ]
        counts = [len(tiles) for _, _, tiles in both]
        one_row = _one_row(counts, width)
        each = one_row or _rows(max(counts, default=1), width)
        names = []
        for name, _, tiles in both:
            span = len(tiles) * (each + SPACE) - SPACE if one_row and len(both) > 1 else width
            names.append(wrapped(name, TEXT_PT, span - SWATCH))
        lines, end = max(map(len, names), default=0), top
        for (_, colour, tiles), written in zip(both, names, strict=True):
            start = top if one_row else end
            sheet.box(left, start + 0.65, 2.2, 2.2, colour)
            for line, text in enumerate(written):
                sheet.text(left + SWATCH, start + 2.6 + line * LINE, text, TEXT_PT)
            below = start + LINE * (lines if one_row else len(written)) + 0.4
            end = max(end, self._tiles(sheet, tiles, colour, Place(left, below, width), each))
            if one_row:
                left += len(tiles) * (each + SPACE) - SPACE + APART
        return end

    def _tiles(
        self,
        sheet: Sheet,
        tiles: list[tuple[int, float]],
        colour: str,
        at: Place,
        each: float,
    ) -> float:
        across = max(1, int((at.width + SPACE + 0.01) // (each + SPACE)))
        top = at.top
        full = self.scale.full
        one_line = all(
            text_width(str(channel), SMALL_PT, bold=True)
            + text_width(signed(value, full), SMALL_PT)
            + 1
            <= each
            for channel, value in tiles
        )
        for first in range(0, len(tiles), across):
            end = top
            for place, (channel, value) in enumerate(tiles[first : first + across]):
                left = at.left + place * (each + SPACE)
                end = self._tile(sheet, channel, Place(left, top, each)) + 2.8
                sheet.text(left, end, str(channel), SMALL_PT, bold=True)
                end += 0.0 if one_line else 2.8
                edge, align = (left + each, "right") if one_line else (left, "left")
                text = signed(value, full)
                sheet.text(edge, end, text, SMALL_PT, colour=GREY, align=align)
                sheet.box(left, end + 0.9, each * min(1.0, abs(value) / full), 1.2, colour)
            top = end + 4.1
        return top

    def _tile(self, sheet: Sheet, channel: int, at: Place) -> float:
        active = self.layer.activations[..., channel]
        sheets = (self.layer.sprites, self.layer.exemplars)
        end = place_pictures(sheet, at, sheets, channel)
        if end is None:
            end = place_activations(sheet, at, self.pixels, active, self.style, self.crop)
        if not self.crop:
            return end
        rows, cols, _ = self.pixels.shape
        part = peak_crop(active, (rows, cols)).of(self.pixels)
        below = Place(at.left, end + CROP_GAP, at.width)
        place_image(sheet, below, part)
        return below.top + at.width


def _one_row(counts: list[int], width: float) -> float | None:
    """Return the width of a tile if one row holds all directions, else None."""
    gaps = APART * (len(counts) - 1) + SPACE * (sum(counts) - len(counts))
    each = min(MOST, (width - gaps) / max(sum(counts), 1))
    return each if each >= LEAST else None


def _rows(count: int, width: float) -> float:
    """Return the width of a tile if rows of about equal length hold ``count`` of them."""
    most = max(1, int((width + SPACE) // (LEAST + SPACE)))
    across = -(-count // -(-count // most))
    return min(MOST, (width - SPACE * (across - 1)) / across)
