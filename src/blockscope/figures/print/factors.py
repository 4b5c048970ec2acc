"""The printed panel "attribution factors": the input, the factors of two layers, their labels.

Layout in mm, from the top: title and caption; input and the two layers side by side; below, the
most probable labels and a legend of the factors. Where three columns hold them, each legend stands
under its layer; otherwise all blocks flow in as many columns as the width allows.
"""

from __future__ import annotations

from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour
from blockscope.figures.data.factors import FactorsPanel, LayerFactors
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.bar_list import LINE, TEXT_PT, Block, place_blocks, split_widths
from blockscope.figures.print.parts.factor_numbers import mark_factors
from blockscope.figures.print.parts.layout import (
    EDGE,
    GAP,
    Place,
    begin,
    columns,
    finish,
    heading,
    place_image,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet, shortened
from blockscope.figures.style import Style

NARROWEST = 38.0  # mm that a block of labels needs to be read with ease
UNDER_LAYER = 3  # most factors stacked under their layer's map


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    return place(FactorsPanel.of_run(run, files, style.top_labels), style)


def place(panel: FactorsPanel, style: Style) -> Sheet:
    """Place everything on a sheet."""
    sheet, top = begin("factors", panel.run, captions.factors_caption(panel), style)
    top = _maps(sheet, panel, style, top)
    inner = sheet.width - 2 * EDGE
    column = (inner - 2 * GAP) / 3
    below = [_factor_blocks(layer) for layer in captions.legends(panel)]
    stacked = max(map(len, below)) / (2 if panel.shared else 1)
    if column >= NARROWEST and stacked <= UNDER_LAYER:
        top = _three_columns(sheet, panel, below, column, top)
    else:
        top = _flow(sheet, panel, below, inner, top)
    return finish(sheet, captions.factors_foot(panel), top)


def _maps(sheet: Sheet, panel: FactorsPanel, style: Style, top: float) -> float:
    """Place the input and both layers; returns where they end."""
    lefts, width = columns(sheet, 3)
    heading(sheet, lefts[0], top + 2.4, width, "Input", f"{grid_words(panel.pixels)} px")
    place_image(sheet, Place(lefts[0], top + 4.0, width), panel.pixels)
    bottom = top + 4.0 + Place(0, 0, width).height(panel.pixels)
    for left, layer in zip(lefts[1:], panel.layers, strict=True):
        heading(sheet, left, top + 2.4, width, layer.layer, layer.grid)
        overlay = colour.factor_image(layer.spatial)
        place_overlay(sheet, Place(left, top + 4.0, width), panel.pixels, overlay, style)
        if layer.factors > 2:
            mark_factors(sheet, layer.spatial, (left, top + 4.0, left + width, bottom))
    return bottom + 2.0


def _factor_blocks(layer: LayerFactors) -> list[Block]:
    full = captions.largest(layer.tops)
    colours = colour.factor_colours(layer.factors)
    return [
        Block(
            heading=f"Factor {factor + 1}" + ("" if top else ": none"),
            rows=top,
            numbers=[captions.number(weight.value, full) for weight in top],
            full=full,
            bars=colours[factor],
            swatch=True,
        )
        for factor, top in enumerate(layer.tops)
    ]


def _highest_block(panel: FactorsPanel) -> Block:
    rows, numbers = (*panel.highest, *panel.requested), captions.highest_numbers(panel)
    return Block(captions.highest_title(panel), rows, numbers, captions.largest([rows]))


def _three_columns(
    sheet: Sheet, panel: FactorsPanel, below: list[list[Block]], column: float, top: float
) -> float:
    """Place the highest labels under the input and the legends under the layers."""
    ends = [place_blocks(sheet, [_highest_block(panel)], EDGE, top, column)]
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
    sheet: Sheet, panel: FactorsPanel, below: list[list[Block]], width: float, top: float
) -> float:
    """Place the highest labels, then each legend in rows of blocks."""
    count = max(1, int((width + GAP) // (NARROWEST + GAP)))
    column = (width - (count - 1) * GAP) / count
    top = place_blocks(sheet, [_highest_block(panel)], EDGE, top, min(width, 2 * column + GAP))
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
