"""The printed panel "attribution groups": the input, the factors of two layers, their labels.

Layout in mm, from the top: title and caption; input and the two layers side by side; below, the
most probable labels and a legend of the factors. Where three columns hold them, each legend stands
under its layer; otherwise all blocks flow in as many columns as the width allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from blockscope.figures import captions, colour
from blockscope.figures.data.groups import GroupsPanel, LayerGroups
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.request import Asked
from blockscope.figures.image_encoding import enlarge, laid_over, printed_size
from blockscope.figures.print.bar_list import LINE, TEXT_PT, Block, place_blocks, split_widths
from blockscope.figures.print.factor_numbers import mark_factors
from blockscope.figures.print.layout import EDGE, GAP, begin, finish, heading
from blockscope.figures.print.sheet import Sheet, shortened
from blockscope.figures.style import Style

TITLE = "Attribution groups"
NARROWEST = 38.0  # mm that a block of labels needs to be read with ease
UNDER_LAYER = 3  # most factors stacked under their layer's picture


def compose_groups(asked: Asked, files: Mapping[str, Any], style: Style) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel; what it returns says `compose`."""
    return compose(GroupsPanel.of_run(asked, files, style.probabilities), style)


def draw(panel: GroupsPanel, style: Style | None = None) -> Figure:
    """Draw the panel; its height follows from what it holds."""
    sheet, height = compose(panel, style or Style())
    return sheet.figure(height)


def compose(panel: GroupsPanel, style: Style) -> tuple[Sheet, float]:
    """Place everything on a sheet; returns it with the height in mm that it needs."""
    sheet = Sheet(style.width_mm)
    inner = style.width_mm - 2 * EDGE
    top = begin(sheet, f"{TITLE}: {panel.run}", captions.caption(panel))
    top = _pictures(sheet, panel, style, top)
    column = (inner - 2 * GAP) / 3
    below = [_factor_blocks(layer) for layer in captions.legends(panel)]
    stacked = max(map(len, below)) / (2 if panel.shared else 1)
    if column >= NARROWEST and stacked <= UNDER_LAYER:
        top = _three_columns(sheet, panel, below, column, top)
    else:
        top = _flow(sheet, panel, below, inner, top)
    return sheet, finish(sheet, captions.encoding_words(panel), top)


def _pictures(sheet: Sheet, panel: GroupsPanel, style: Style, top: float) -> float:
    """Place the input and both layers; returns where they end."""
    width = (sheet.width - 2 * EDGE - 2 * GAP) / 3
    rows, cols, _ = panel.picture.shape
    height = float(width * rows / cols)
    size = printed_size(width, panel.picture, style.dpi)
    title, top = top + 2.4, top + 4.0
    for place in range(3):
        left = EDGE + place * (width + GAP)
        if place == 0:
            name, note = "Input", f"{grid_words(panel.picture)} px"
            shown = enlarge(panel.picture, size, smooth=True)
        else:
            layer = panel.layers[place - 1]
            name, note = layer.layer, layer.grid
            overlay = colour.factor_picture(layer.spatial)
            shown = laid_over(panel.picture, overlay, size, style.opacity, style.smooth)
        heading(sheet, left, title, width, name, note)
        sheet.raster(left, top, width, height, shown)
        if place and layer.factors > 2:
            mark_factors(sheet, layer.spatial, (left, top, left + width, top + height))
    return top + height + 2.0


def _factor_blocks(layer: LayerGroups) -> list[Block]:
    full = captions.largest(layer.tops)
    colours = colour.factor_colours(layer.factors)
    return [
        Block(
            heading=f"Factor {factor + 1}",
            rows=top,
            numbers=[captions.number(weight.value, full) for weight in top],
            full=full,
            bars=colours[factor],
            swatch=True,
        )
        for factor, top in enumerate(layer.tops)
    ]


def _probability_block(panel: GroupsPanel) -> Block:
    rows = (*panel.probabilities, *panel.asked)
    numbers = [captions.percent(row.value) for row in rows]
    return Block("Most probable labels", rows, numbers, captions.largest([rows]))


def _three_columns(
    sheet: Sheet, panel: GroupsPanel, below: list[list[Block]], column: float, top: float
) -> float:
    """Place the probabilities under the input and the legends under the layers."""
    ends = [place_blocks(sheet, [_probability_block(panel)], EDGE, top, column)]
    lefts = [EDGE + place * (column + GAP) for place in (1, 2)]
    if panel.shared:
        half = (len(below[0]) + 1) // 2
        title = captions.legend_title(panel, panel.layers[1])
        parts = [(title, below[0][:half]), ("", below[0][half:])]
    else:
        parts = [
            (captions.legend_title(panel, layer), blocks)
            for layer, blocks in zip(panel.layers, below, strict=True)
        ]
    for left, (title, blocks) in zip(lefts, parts, strict=True):
        _section_title(sheet, title, left, top, column)
        ends.append(place_blocks(sheet, blocks, left, top + LINE + 1, column))
    return max(ends)


def _flow(
    sheet: Sheet, panel: GroupsPanel, below: list[list[Block]], width: float, top: float
) -> float:
    """Place the probabilities, then each legend in rows of blocks."""
    count = max(1, int((width + GAP) // (NARROWEST + GAP)))
    column = (width - (count - 1) * GAP) / count
    top = place_blocks(sheet, [_probability_block(panel)], EDGE, top, min(width, 2 * column + GAP))
    for layer, blocks in zip(captions.legends(panel), below, strict=True):
        _section_title(sheet, captions.legend_title(panel, layer), EDGE, top, width)
        top += LINE + 1
        split = split_widths(blocks, column)
        for start in range(0, len(blocks), count):
            row = blocks[start : start + count]
            ends = [
                place_blocks(sheet, [block], EDGE + place * (column + GAP), top, column, split)
                for place, block in enumerate(row)
            ]
            top = max(ends)
    return top


def _section_title(sheet: Sheet, title: str, left: float, top: float, width: float) -> None:
    if title:
        text = shortened(title, TEXT_PT, width, bold=True)
        sheet.text(left, top + 2.6, text, TEXT_PT, bold=True)
