"""The printed panel "methods": one layer's channels by every method that the run asks for."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.arrays import Pixels
from blockscope.figures.data.channels import LayerChannels, read_layer
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.bar_list import GREY, LINE, TEXT_PT
from blockscope.figures.print.parts.channel_bars import BarScale, place_bars
from blockscope.figures.print.parts.layout import EDGE, Place, begin, finish
from blockscope.figures.print.parts.sheet import Sheet, shortened
from blockscope.figures.print.parts.top_channels import TopChannels
from blockscope.figures.style import Style
from blockscope.io import images

NAMES = 0.28  # of the table's width
BETWEEN = 1.5  # mm between methods


@dataclass(frozen=True)
class MethodsPanel:
    """The input, and the channels of the earlier layer of a run by every method in its file."""

    run: RunRow
    pixels: Pixels
    layer: LayerChannels

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> MethodsPanel:
        """Read the files of a run; raises what `read_layer` raises."""
        pixels, _ = images.read_png(files.one("image"))
        return cls(run, pixels, read_layer(run, files, 1))


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = MethodsPanel.of_run(run, files)
    layer = panel.layer
    caption = captions.contrast_caption(run, layer.contrast)
    caption += f"; layer {layer.layer}, {layer.grid} positions"
    sheet, top = begin("channel_methods", run, caption, style)
    inner = sheet.width - 2 * EDGE
    top = _table(sheet, layer, top, inner) + BETWEEN
    scale = BarScale.of(*layer.methods)
    for found in layer.methods:
        top += 2.4
        name = shortened(found.method, TEXT_PT, inner, bold=True)
        sheet.text(EDGE, top, name, TEXT_PT, bold=True)
        words = f"{captions.method_caption(found.method)}. {captions.channel_counts(found)}."
        words = words[:1].upper() + words[1:]
        top = sheet.paragraph(EDGE, top, words, TEXT_PT, width=inner, leading=LINE, colour=GREY)
        top = place_bars(sheet, found, scale, style.top_channels, Place(EDGE, top + 3.2, inner))
        strongest = TopChannels(layer, found, panel.pixels, scale, style, crop=False)
        top = strongest.place(sheet, Place(EDGE, top + 1.0, inner)) + BETWEEN
    return finish(sheet, captions.methods_foot(layer, run.override), top - BETWEEN)


def _table(sheet: Sheet, layer: LayerChannels, top: float, width: float) -> float:
    """Place what each method adds up to next to the rise of the score; returns where it ends."""
    full = max(abs(layer.rise), *(abs(found.total) for found in layer.methods))
    rise = captions.signed(layer.rise, full)
    rows = [("Method", "Sum", "Rise", "Error", "Gradients")]
    for found in layer.methods:
        total = captions.signed(found.total, full)
        error = captions.signed_percent(found.completeness_error)
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
