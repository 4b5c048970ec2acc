"""The printed panel "channels": what every channel of both layers counts, and the strongest."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.arrays import Pixels
from blockscope.figures.data.channels import LayerChannels, MethodChannels, read_layer
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.bar_list import GREY, LINE, TEXT_PT
from blockscope.figures.print.parts.channel_bars import BarScale, place_bars
from blockscope.figures.print.parts.layout import EDGE, Place, begin, finish, heading
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.print.parts.top_channels import TopChannels
from blockscope.figures.style import Style
from blockscope.io import images

BETWEEN = 2.0  # mm between the layers


@dataclass(frozen=True)
class ChannelsPanel:
    """The channels of both layers of a run by one method.

    Attributes
    ----------
    run
        The run.
    pixels
        The input as the network sees it.
    layers
        The earlier and the later layer.
    shown
        The attribution to their channels, by the same method.
    """

    run: RunRow
    pixels: Pixels
    layers: tuple[LayerChannels, LayerChannels]
    shown: tuple[MethodChannels, MethodChannels]

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles, method: str | None = None) -> ChannelsPanel:
        """Read the files of a run; without ``method`` the linear one, or else their first.

        Raises what `read_layer` raises, and ``UnknownName`` for a method that a file lacks.
        """
        first, second = (read_layer(run, files, place) for place in (1, 2))
        found = first.by(method)
        pixels, _ = images.read_png(files.one("image"))
        return cls(run, pixels, (first, second), (found, second.by(found.method)))


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = ChannelsPanel.of_run(run, files)
    method = panel.shown[0].method
    caption = captions.contrast_caption(run, panel.layers[0].contrast)
    caption += f"; method {method}, {captions.method_caption(method)}"
    sheet, top = begin("channels", run, caption, style)
    inner = sheet.width - 2 * EDGE
    for layer, found in zip(panel.layers, panel.shown, strict=True):
        scale = BarScale.of(found)
        heading(sheet, EDGE, top + 2.4, inner, layer.layer, f"{layer.grid} positions")
        words = f"{captions.channel_counts(found)}. {captions.completeness_caption(layer, found)}."
        top = sheet.paragraph(
            EDGE, top + 2.4, words, TEXT_PT, width=inner, leading=LINE, colour=GREY
        )
        top = place_bars(sheet, found, scale, style.top_channels, Place(EDGE, top + 3.2, inner))
        strongest = TopChannels(layer, found, panel.pixels, scale, style)
        top = strongest.place(sheet, Place(EDGE, top + 1.0, inner)) + BETWEEN
    foot = captions.channels_foot(panel.layers, method, run.override)
    return finish(sheet, foot, top - BETWEEN)
