"""Placing on a sheet: how every panel begins and ends, columns, headings, images and maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Pixels
from blockscope.figures.data.maps import Cell
from blockscope.figures.image_encoding import blended
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.sheet import Sheet, shortened, text_width, wrapped
from blockscope.figures.style import Style

TITLE_PT = 8.0
GAP = 4.0  # mm between columns
EDGE = 1.0  # mm of margin
OUTLINE_PT = 1.1
MOST_CODES = 8  # letters that the foot names
LEAST_PIXELS = 200  # of the longer side of an input with a map over it


def begin(panel: str, run: RunRow, caption: str, style: Style) -> tuple[Sheet, float]:
    """Return a sheet with a panel's title and caption, and where they end, in mm from the top."""
    named = PANELS[panel]
    shown = f"{named.summary} Network {run.model}, image {run.image}."
    sheet = Sheet(style.width_mm, f"{named.title}: {run.run}", shown)
    width = sheet.width - 2 * EDGE
    top = EDGE + 3.0
    title = shortened(sheet.title, TITLE_PT, width, bold=True)
    sheet.text(EDGE, top, title, TITLE_PT, bold=True)
    top = sheet.paragraph(EDGE, top, caption, TEXT_PT, width=width, leading=LINE, colour=GREY)
    return sheet, top + 2.6


def finish(sheet: Sheet, foot: str, top: float) -> Sheet:
    """Place the words that explain the panel, and give the sheet the height that it needs."""
    if sheet.missing:
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in sorted(sheet.missing)[:MOST_CODES])
        more = len(sheet.missing) - MOST_CODES
        and_more = f" and {more} more" if more > 0 else ""
        foot += f" Boxes stand for letters that the font lacks: {codes}{and_more}."
    width = sheet.width - 2 * EDGE
    top = sheet.paragraph(EDGE, top, foot, SMALL_PT, width=width, leading=LINE * 0.92, colour=GREY)
    sheet.height = top + 1.8
    return sheet


def columns(sheet: Sheet, count: int) -> tuple[list[float], float]:
    """Divide the sheet's width: returns the left edges of equal columns, and their width."""
    width = (sheet.width - 2 * EDGE - (count - 1) * GAP) / count
    return [EDGE + place * (width + GAP) for place in range(count)], width


def heading(sheet: Sheet, left: float, baseline: float, width: float, name: str, note: str) -> None:
    """Place a bold name, and at the right a note where both fit."""
    sheet.text(left, baseline, shortened(name, TEXT_PT, width, bold=True), TEXT_PT, bold=True)
    if text_width(name, TEXT_PT, bold=True) + text_width(note, TEXT_PT) + 2 <= width:
        sheet.text(left + width, baseline, note, TEXT_PT, colour=GREY, align="right")


def headings(
    sheet: Sheet, lefts: Sequence[float], titles: Sequence[str], width: float, top: float
) -> float:
    """Place bold names side by side, in as many lines as they need; returns where they end."""
    texts = [wrapped(title, TEXT_PT, width, bold=True) for title in titles]
    return place_over(sheet, lefts, texts, top, TEXT_PT, LINE, bold=True) + 1.6


def place_over(
    sheet: Sheet,
    lefts: Sequence[float],
    texts: Sequence[Sequence[str]],
    top: float,
    points: float,
    leading: float,
    **style: Any,
) -> float:
    """Place texts of some lines side by side, their last lines aligned; returns that baseline."""
    last = top + 2.4 + (max(map(len, texts)) - 1) * leading
    for left, lines in zip(lefts, texts, strict=True):
        for place, line in enumerate(lines, 1 - len(lines)):
            sheet.text(left, last + place * leading, line, points, **style)
    return last


@dataclass(frozen=True)
class Place:
    """Where an image stands on a sheet: mm from the left and from the top, and its width."""

    left: float
    top: float
    width: float

    def height(self, pixels: Pixels) -> float:
        """Return the height that an image has at this width."""
        return float(self.width * pixels.shape[0] / pixels.shape[1])


def place_image(sheet: Sheet, place: Place, pixels: Pixels) -> None:
    """Place an image as it is."""
    sheet.raster(place.left, place.top, place.width, place.height(pixels), pixels)


def place_overlay(
    sheet: Sheet, place: Place, pixels: Pixels, overlay: Pixels, style: Style
) -> None:
    """Place the input with a layer's map over it.

    In the input's own resolution; a small input in a multiple of it, so that cells have sharp
    borders.
    """
    rows, cols = pixels.shape[:2]
    times = -(-LEAST_PIXELS // max(rows, cols))
    shown = blended(pixels, overlay, (times * rows, times * cols), style.opacity, style.interpolate)
    place_image(sheet, place, shown)


def outline_cell(
    sheet: Sheet, place: Place, pixels: Pixels, cell: Cell, grid: tuple[int, int], colour: str
) -> None:
    """Draw the border of one cell of a grid that covers the image."""
    width, height = place.width / grid[1], place.height(pixels) / grid[0]
    left, top = place.left + cell.col * width, place.top + cell.row * height
    # A line of colour between two light ones is seen on any ground.
    sheet.outline(left, top, width, height, "#ffffff", OUTLINE_PT + 1.2)
    sheet.outline(left, top, width, height, colour, OUTLINE_PT)
