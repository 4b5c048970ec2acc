"""The printed panel "semantic dictionary": strongest channels at representative positions.

The input with the positions outlined and numbered; next to it, or below on a narrow sheet,
for each position its strongest channels.
"""

from __future__ import annotations

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.activations import LayerActivations, representative_positions
from blockscope.figures.data.maps import Cell, grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.bar_list import GREY, PLAIN_BAR, SMALL_PT
from blockscope.figures.print.parts.channel_tiles import place_activations, place_pictures
from blockscope.figures.print.parts.factor_numbers import mark_places
from blockscope.figures.print.parts.layout import (
    EDGE,
    GAP,
    Place,
    begin,
    finish,
    heading,
    outline_cell,
    place_image,
)
from blockscope.figures.print.parts.sheet import Sheet, text_width
from blockscope.figures.style import Style
from blockscope.io.counts import counted

POSITIONS = 4  # shown in print
WIDE = 130.0  # mm, least width of a sheet with the channels next to the input
INPUT = 57.0  # mm, most that the input is wide
LEAST, MOST = 13.0, 23.0  # mm, width of a channel's image
SPACE = 1.5  # mm between them
OUTLINE = "#ffd84d"


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = LayerActivations.of_run(run, files)
    chosen = representative_positions(panel.activations, POSITIONS)
    caption = (
        f"Model {run.model}, image {run.image}; strongest channels of {run.layer1} "
        f"({grid_words(panel.activations)} positions, "
        f"{counted(panel.activations.shape[2], 'channel')})"
    )
    sheet, top = begin("semantic_dictionary", run, caption, style)
    inner = sheet.width - 2 * EDGE
    at = Place(EDGE, top + 4.0, min(INPUT, (inner - GAP) / 2 if sheet.width >= WIDE else inner))
    heading(sheet, EDGE, top + 2.4, at.width, "Input", f"{grid_words(panel.pixels)} px")
    bottom = _input(sheet, panel, chosen, at)
    if sheet.width >= WIDE:
        left = EDGE + at.width + GAP
        end = _positions(sheet, panel, chosen, Place(left, top, inner - at.width - GAP), style)
    else:
        end = _positions(sheet, panel, chosen, Place(EDGE, bottom + GAP / 2, inner), style)
    return finish(sheet, _foot(panel, chosen), max(bottom, end))


def _input(sheet: Sheet, panel: LayerActivations, chosen: tuple[Cell, ...], at: Place) -> float:
    """Place the input with the chosen positions; returns where it ends."""
    rows, cols, _ = panel.activations.shape
    place_image(sheet, at, panel.pixels)
    height = at.height(panel.pixels)
    for cell in chosen:
        outline_cell(sheet, at, panel.pixels, cell, (rows, cols), OUTLINE)
    corners = [
        (at.left + cell.col / cols * at.width, at.top + cell.row / rows * height) for cell in chosen
    ]
    area = (at.left, at.top, at.left + at.width, at.top + height)
    mark_places(sheet, dict(enumerate(corners, start=1)), area)
    return at.top + height


def _positions(
    sheet: Sheet, panel: LayerActivations, chosen: tuple[Cell, ...], at: Place, style: Style
) -> float:
    """Place the strongest channels of every chosen position; returns where they end."""
    top, lengths = at.top, np.linalg.norm(panel.activations, axis=2)
    for number, cell in enumerate(chosen, start=1):
        own = panel.activations[cell]
        length = captions.number(float(lengths[cell]), float(lengths.max()))
        note = f"length {length}, {(own > 0).sum()} of {counted(len(own), 'channel')} active"
        heading(sheet, at.left, top + 2.4, at.width, f"{number}: {cell}", note)
        top = _channels(sheet, panel, cell, Place(at.left, top + 4.0, at.width), style) + GAP / 2
    return top


def _channels(sheet: Sheet, panel: LayerActivations, cell: Cell, at: Place, style: Style) -> float:
    """Place the strongest channels of a position with their numbers; returns where they end."""
    found = panel.strongest(cell, style.top_channels)
    most = max(1, int((at.width + SPACE) // (LEAST + SPACE)))
    across = -(-max(style.top_channels, 1) // -(-max(style.top_channels, 1) // most))
    width = min(MOST, (at.width - SPACE * (across - 1)) / across)
    full = float(panel.activations.max(initial=0.0))
    top = end = at.top
    for place, channel in enumerate(found):
        left = at.left + place % across * (width + SPACE)
        if place % across == 0:
            top = end
        end = _channel(sheet, panel, channel, float(panel.activations[cell][channel]), full,
                       Place(left, top, width), style)  # fmt: skip
    return end


def _channel(
    sheet: Sheet,
    panel: LayerActivations,
    channel: int,
    value: float,
    full: float,
    at: Place,
    style: Style,
) -> float:
    """Place one channel: its pictures, or where it is active; its number, its value and a bar."""
    end = place_pictures(sheet, at, (panel.sprites, panel.exemplars), channel)
    if end is None:
        active = panel.activations[..., channel]
        end = place_activations(sheet, at, panel.pixels, active, style, frame=False)
    written, number = captions.number(value, full), str(channel)
    end += 2.8
    sheet.text(at.left, end, number, SMALL_PT, bold=True)
    needed = text_width(number, SMALL_PT, bold=True) + text_width(written, SMALL_PT) + 1
    end += 0.0 if needed <= at.width else 2.8
    sheet.text(at.left + at.width, end, written, SMALL_PT, colour=GREY, align="right")
    sheet.box(at.left, end + 0.9, at.width * value / full, 1.2, PLAIN_BAR)
    return end + 3.4


def _foot(panel: LayerActivations, chosen: tuple[Cell, ...]) -> str:
    """Say how the positions were chosen, and what tiles and bars are."""
    layer = panel.run.layer1
    if not chosen:
        return f"{layer} is not active at any position of this input."
    shown = captions.pictures_caption(panel.sprites, panel.exemplars)
    tiles = (
        f"Tiles: {shown}."
        if shown
        else "Tiles: the channel's activations over the input, dark blue: none, yellow: its "
        f"maximum; 'sprites: {{recipe: draft}}' in the config renders what the channels of {layer} "
        "respond to."
    )
    return (
        "Positions: first the one with the longest activation vector; then, among those at least "
        "half as long, the one least like those already chosen (by the largest cosine with any of "
        f"them). {tiles} Below each tile: the channel's number and its activation at the position; "
        "bars are full at the layer's largest activation."
    )
