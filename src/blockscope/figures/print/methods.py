"""The printed panel "methods": one layer's channels by every method that the run asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures import captions, channel_captions
from blockscope.figures.data.channels import LayerChannels, read_layer
from blockscope.figures.data.maps import Place
from blockscope.figures.data.request import Asked
from blockscope.figures.print.bar_list import GREY, LINE, TEXT_PT
from blockscope.figures.print.channel_bars import Scale, place_bars
from blockscope.figures.print.layout import EDGE, begin, finish
from blockscope.figures.print.sheet import Sheet, shortened, wrapped
from blockscope.figures.print.top_channels import Strongest
from blockscope.figures.style import Style
from blockscope.io import images

TITLE = "Methods of channel attribution"
NAMES = 0.28  # of the table's width
BETWEEN = 1.5  # mm between methods


@dataclass(frozen=True)
class MethodsPanel:
    """The channels of the earlier layer of a run by every method in its file.

    picture  uint8 (row, col, rgb), the input as the network sees it
    """

    asked: Asked
    picture: NDArray[np.uint8]
    layer: LayerChannels

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> MethodsPanel:
        """Read the files of a run; raises what `read_layer` raises."""
        picture, _ = images.read_input(files["picture"])
        return cls(asked, picture, read_layer(asked, files, 1))


def compose_methods(asked: Asked, files: Mapping[str, Any], style: Style) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel on a sheet; returns its height in mm too."""
    panel = MethodsPanel.of_run(asked, files)
    layer = panel.layer
    sheet = Sheet(style.width_mm)
    inner = sheet.width - 2 * EDGE
    caption = captions.pair_caption(asked, layer.pair)
    caption += f"; layer {layer.layer}, {layer.grid} positions"
    top = begin(sheet, f"{TITLE}: {asked.run}", caption)
    top = _table(sheet, layer, top, inner) + BETWEEN
    scale = Scale.of(*layer.methods)
    for found in layer.methods:
        top += 2.4
        name = shortened(found.method, TEXT_PT, inner, bold=True)
        sheet.text(EDGE, top, name, TEXT_PT, bold=True)
        words = f"{channel_captions.what_method(found.method)}. {channel_captions.counts(found)}."
        for line in wrapped(words[:1].upper() + words[1:], TEXT_PT, inner):
            top += LINE
            sheet.text(EDGE, top, line, TEXT_PT, colour=GREY)
        top = place_bars(sheet, found, scale, style.channels, Place(EDGE, top + 3.2, inner))
        strongest = Strongest(layer, found, panel.picture, scale, style, crop=False)
        top = strongest.place(sheet, Place(EDGE, top + 1.0, inner)) + BETWEEN
    return sheet, finish(sheet, channel_captions.methods_foot(layer, asked.override), top - BETWEEN)


def _table(sheet: Sheet, layer: LayerChannels, top: float, width: float) -> float:
    """Place what each method adds up to beside the rise of the score; returns where it ends."""
    full = max(abs(layer.rise), *(abs(found.total) for found in layer.methods))
    rise = channel_captions.signed(layer.rise, full)
    rows = [("Method", "Sum", "Rise", "Error", "Gradients")]
    for found in layer.methods:
        total = channel_captions.signed(found.total, full)
        error = channel_captions.percent(found.completeness_error)
        rows.append((found.method, total, rise, error, str(found.steps)))
    column = width * (1 - NAMES) / (len(rows[0]) - 1)
    for place, (name, *numbers) in enumerate(rows):
        top += LINE
        colour = GREY if place == 0 else "#1a1a1a"
        sheet.text(EDGE, top, shortened(name, TEXT_PT, NAMES * width), TEXT_PT, colour=colour)
        for number, text in enumerate(numbers, start=1):
            right = EDGE + NAMES * width + number * column
            fits = shortened(text, TEXT_PT, column - 1)
            sheet.text(right, top, fits, TEXT_PT, colour=colour, align="right")
        if place == 0:
            sheet.line((EDGE, EDGE + width), (top + 1.0, top + 1.0), GREY, 0.4)
            top += 0.5
    return top + 2.0
