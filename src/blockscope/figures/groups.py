"""The printed panel "attribution groups": the input, the factors of two layers, their labels.

Layout in mm, from the top: title and caption; input and the two layers side by side; below, the
most probable labels and a legend of the factors. Where three columns hold them, each legend stands
under its layer; otherwise all blocks flow in as many columns as the width allows.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from blockscope import colour
from blockscope.errors import BlockscopeError
from blockscope.figures import wording
from blockscope.figures.panel import GroupsPanel, LayerGroups, Weight
from blockscope.figures.raster import enlarge, laid_over
from blockscope.figures.sheet import (
    ELLIPSIS,
    MM_PER_INCH,
    STYLE,
    Sheet,
    shortened,
    text_width,
    wrapped,
)
from blockscope.files import written_whole

TITLE_PT, TEXT_PT, SMALL_PT, MARK_PT = 8.0, 7.0, 6.5, 5.5
LINE = 3.4  # mm from one line of text to the next
GAP = 4.0  # mm between columns
EDGE = 1.0  # mm of margin
BAR = 1.7  # mm, thickness of a bar
LEAST_BAR = 0.2  # of a block's width
NARROWEST = 38.0  # mm that a block of labels needs to be read with ease
UNDER_LAYER = 3  # most factors stacked under their layer's picture
MOST_PIXELS = 2400  # of an embedded picture's side: finer than any print shows
GREY = "#5c5c5c"
PLAIN_BAR = "#8a8a8a"


@dataclass(frozen=True)
class Style:
    """How the panel is drawn.

    opacity    of the factors over the input, 0 to 1
    width_mm   width of the figure
    dpi        resolution of the PNG and of the pictures inside PDF and SVG, dots per inch
    smooth     blend neighbouring positions of a layer instead of showing each as a square
    """

    opacity: float = 0.6
    width_mm: float = 180.0
    dpi: int = 300
    smooth: bool = False


@dataclass(frozen=True)
class _Block:
    """Labels with bars under a heading, which has a colour swatch if the labels have a colour."""

    heading: str
    rows: Sequence[Weight]
    numbers: Sequence[str]
    full: float
    bars: str = PLAIN_BAR
    swatch: bool = False

    @property
    def height(self) -> float:
        return LINE * (1 + len(self.rows)) + 2.2


def draw(panel: GroupsPanel, style: Style | None = None) -> Figure:
    """Draw the panel; its height follows from what it holds."""
    sheet, height = compose(panel, style or Style())
    return sheet.figure(height)


def compose(panel: GroupsPanel, style: Style) -> tuple[Sheet, float]:
    """Place everything on a sheet; returns it with the height in mm that it needs."""
    sheet = Sheet(style.width_mm)
    inner = style.width_mm - 2 * EDGE
    top = _head(sheet, panel, inner)
    top = _pictures(sheet, panel, style, top)
    column = (inner - 2 * GAP) / 3
    below = [_factor_blocks(layer) for layer in wording.legends(panel)]
    stacked = max(map(len, below)) / (2 if panel.shared else 1)
    if column >= NARROWEST and stacked <= UNDER_LAYER:
        top = _three_columns(sheet, panel, below, column, top)
    else:
        top = _flow(sheet, panel, below, inner, top)
    for line in wrapped(wording.encoding_words(panel), SMALL_PT, inner):
        top += LINE * 0.92
        sheet.text(EDGE, top, line, SMALL_PT, colour=GREY)
    return sheet, top + 1.8


def _head(sheet: Sheet, panel: GroupsPanel, width: float) -> float:
    top = EDGE + 3.0
    title = shortened(f"Attribution groups: {panel.run}", TITLE_PT, width, bold=True)
    sheet.text(EDGE, top, title, TITLE_PT, bold=True)
    for line in wrapped(wording.caption(panel), TEXT_PT, width):
        top += LINE
        sheet.text(EDGE, top, line, TEXT_PT, colour=GREY)
    return top + 2.6


def _pictures(sheet: Sheet, panel: GroupsPanel, style: Style, top: float) -> float:
    """Place the input and both layers; returns where they end."""
    width = (sheet.width - 2 * EDGE - 2 * GAP) / 3
    rows, cols, _ = panel.picture.shape
    height = float(width * rows / cols)
    pixels = min(MOST_PIXELS, max(1, round(width / MM_PER_INCH * style.dpi)))
    size = (max(1, round(pixels * rows / cols)), pixels)
    title, top = top + 2.4, top + 4.0
    for place in range(3):
        left = EDGE + place * (width + GAP)
        if place == 0:
            name, note = "Input", f"{rows} \N{MULTIPLICATION SIGN} {cols} px"
            shown = enlarge(panel.picture, size, smooth=True)
        else:
            layer = panel.layers[place - 1]
            name, note = layer.layer, layer.grid
            overlay = colour.factor_picture(layer.spatial)
            shown = laid_over(panel.picture, overlay, size, style.opacity, style.smooth)
        sheet.text(left, title, shortened(name, TEXT_PT, width, bold=True), TEXT_PT, bold=True)
        if text_width(name, TEXT_PT, bold=True) + text_width(note, TEXT_PT) + 2 <= width:
            sheet.text(left + width, title, note, TEXT_PT, colour=GREY, align="right")
        sheet.raster(left, top, width, height, shown)
        if place and layer.factors > 2:
            _mark_factors(sheet, layer, (left, top, width, height))
    return top + height + 2.0


def _mark_factors(
    sheet: Sheet, layer: LayerGroups, area: tuple[float, float, float, float]
) -> None:
    """Put each factor's number where the factor is largest, for those who cannot tell the hues.

    Marks that would cover one another become one, which shows as many numbers as it can hold.
    """
    left, top, width, height = area
    rows, cols, factors = layer.spatial.shape
    present = np.maximum(layer.spatial, 0).reshape(rows * cols, factors)
    marks: list[_Mark] = []
    for factor in range(factors):
        if present[:, factor].any():
            row, col = divmod(int(present[:, factor].argmax()), cols)
            place = (left + (col + 0.5) / cols * width, top + (row + 0.5) / rows * height)
            marks.append(_Mark(place, (factor + 1,)))
    for mark in _merged(marks):
        radius = mark.radius
        across = min(max(mark.centre[0], left + radius), max(left + radius, left + width - radius))
        down = min(max(mark.centre[1], top + radius), max(top + radius, top + height - radius))
        sheet.disc((across, down), radius, "#ffffff")
        sheet.text(across, down + 0.7, mark.text, MARK_PT, align="center")


@dataclass(frozen=True)
class _Mark:
    centre: tuple[float, float]
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        shown = ",".join(map(str, self.numbers[:2]))
        return f"{shown},{ELLIPSIS}" if len(self.numbers) > 2 else shown

    @property
    def radius(self) -> float:
        return max(1.25, text_width(self.text, MARK_PT) / 2 + 0.5)


def _merged(marks: list[_Mark]) -> list[_Mark]:
    """Join marks until none covers another; a joined mark stays where its first factor is."""
    for first, second in itertools.combinations(marks, 2):
        if math.dist(first.centre, second.centre) < first.radius + second.radius:
            joined = _Mark(first.centre, tuple(sorted(first.numbers + second.numbers)))
            rest = [mark for mark in marks if mark not in (first, second)]
            return _merged([joined, *rest])
    return marks


def _factor_blocks(layer: LayerGroups) -> list[_Block]:
    full = wording.largest(layer.tops)
    colours = colour.factor_colours(layer.factors)
    return [
        _Block(
            heading=f"Factor {factor + 1}",
            rows=top,
            numbers=[wording.number(weight.value, full) for weight in top],
            full=full,
            bars=colours[factor],
            swatch=True,
        )
        for factor, top in enumerate(layer.tops)
    ]


def _probability_block(panel: GroupsPanel) -> _Block:
    rows = (*panel.probabilities, *panel.asked)
    numbers = [wording.percent(row.value) for row in rows]
    return _Block("Most probable labels", rows, numbers, wording.largest([rows]))


def _three_columns(
    sheet: Sheet, panel: GroupsPanel, below: list[list[_Block]], column: float, top: float
) -> float:
    """Place the probabilities under the input and the legends under the layers."""
    ends = [_place(sheet, [_probability_block(panel)], EDGE, top, column)]
    lefts = [EDGE + place * (column + GAP) for place in (1, 2)]
    if panel.shared:
        half = (len(below[0]) + 1) // 2
        title = wording.legend_title(panel, panel.layers[1])
        parts = [(title, below[0][:half]), ("", below[0][half:])]
    else:
        parts = [
            (wording.legend_title(panel, layer), blocks)
            for layer, blocks in zip(panel.layers, below, strict=True)
        ]
    for left, (title, blocks) in zip(lefts, parts, strict=True):
        _section_title(sheet, title, left, top, column)
        ends.append(_place(sheet, blocks, left, top + LINE + 1, column))
    return max(ends)


def _flow(
    sheet: Sheet, panel: GroupsPanel, below: list[list[_Block]], width: float, top: float
) -> float:
    """Place the probabilities, then each legend in rows of blocks."""
    count = max(1, int((width + GAP) // (NARROWEST + GAP)))
    column = (width - (count - 1) * GAP) / count
    top = _place(sheet, [_probability_block(panel)], EDGE, top, min(width, 2 * column + GAP))
    for layer, blocks in zip(wording.legends(panel), below, strict=True):
        _section_title(sheet, wording.legend_title(panel, layer), EDGE, top, width)
        top += LINE + 1
        split = _split(blocks, column)
        for start in range(0, len(blocks), count):
            row = blocks[start : start + count]
            ends = [
                _place(sheet, [block], EDGE + place * (column + GAP), top, column, split)
                for place, block in enumerate(row)
            ]
            top = max(ends)
    return top


def _section_title(sheet: Sheet, title: str, left: float, top: float, width: float) -> None:
    if title:
        text = shortened(title, TEXT_PT, width, bold=True)
        sheet.text(left, top + 2.6, text, TEXT_PT, bold=True)


def _split(blocks: Sequence[_Block], width: float) -> tuple[float, float]:
    """Return the widths that names and numbers take in blocks whose bars are aligned.

    Names get what they need as long as some of the width is left to the bars.
    """
    numbers = max((text_width(n, SMALL_PT) for block in blocks for n in block.numbers), default=0.0)
    names = [text_width(row.label, TEXT_PT) for block in blocks for row in block.rows]
    return min(max(names, default=0.0), (1 - LEAST_BAR) * width - numbers - 3), numbers


def _place(
    sheet: Sheet,
    blocks: Sequence[_Block],
    left: float,
    top: float,
    width: float,
    split: tuple[float, float] | None = None,
) -> float:
    """Place blocks below one another, their bars aligned; returns where they end."""
    name_width, numbers = split or _split(blocks, width)
    bar_left = left + name_width + 1.5
    bar_width = left + width - numbers - 1.5 - bar_left
    for block in blocks:
        baseline = top + 2.6
        indent = 3.2 if block.swatch else 0.0
        if block.swatch:
            sheet.box(left, baseline - 1.95, 2.2, 2.2, block.bars)
        heading = shortened(block.heading, TEXT_PT, width - indent, bold=not block.swatch)
        sheet.text(left + indent, baseline, heading, TEXT_PT, bold=not block.swatch)
        for row, written in zip(block.rows, block.numbers, strict=True):
            baseline += LINE
            sheet.text(left, baseline, shortened(row.label, TEXT_PT, name_width), TEXT_PT)
            length = bar_width * min(1.0, max(0.0, row.value / block.full))
            sheet.box(bar_left, baseline - BAR - 0.05, length, BAR, block.bars)
            sheet.text(left + width, baseline, written, SMALL_PT, colour=GREY, align="right")
        top += block.height
    return top


def write_groups(
    outputs: Mapping[str, str | os.PathLike[str]],
    panel: GroupsPanel,
    facts: Mapping[str, str | int | float],
    style: Style | None = None,
) -> None:
    """Write the panel to files that record where they come from.

    outputs   path for each wanted format: "pdf", "svg", "png"
    facts     provenance, stored as JSON in the PNG's text chunk "blockscope", the PDF's keywords
              and the SVG's description

    The same panel, style and facts give the same bytes. Raises ``BlockscopeError`` for another
    format.
    """
    unknown = sorted(set(outputs) - set(_METADATA))
    if unknown:
        raise BlockscopeError(
            f"figure format {', '.join(unknown)} is not written; valid: {', '.join(_METADATA)}"
        )
    style = style or Style()
    figure = draw(panel, style)
    record = json.dumps(dict(facts))
    title = f"Attribution groups: {panel.run}"
    for kind, path in outputs.items():
        metadata: dict[str, Any] = _METADATA[kind](title, record)
        with written_whole(path) as temporary, mpl.rc_context(STYLE):
            figure.savefig(temporary, format=kind, dpi=style.dpi, metadata=metadata)


_METADATA = {
    "pdf": lambda title, record: {"Title": title, "Keywords": record, "CreationDate": None},
    "svg": lambda title, record: {"Title": title, "Description": record, "Date": None},
    "png": lambda title, record: {"Title": title, "blockscope": record},
}
