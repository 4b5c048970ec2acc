"""The printed panel "channels": what every channel of both layers counts, and the strongest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures import captions, channel_captions
from blockscope.figures.data.channels import LayerChannels, MethodChannels, read_layer
from blockscope.figures.data.maps import Place
from blockscope.figures.data.request import Asked
from blockscope.figures.print.bar_list import GREY, LINE, TEXT_PT
from blockscope.figures.print.channel_bars import Scale, place_bars
from blockscope.figures.print.layout import EDGE, begin, finish, heading
from blockscope.figures.print.sheet import Sheet, wrapped
from blockscope.figures.print.top_channels import Strongest
from blockscope.figures.style import Style
from blockscope.io import images

TITLE = "Channel attribution"
BETWEEN = 2.0  # mm between the layers


@dataclass(frozen=True)
class ChannelsPanel:
    """The channels of both layers of a run by one method.

    picture  uint8 (row, col, rgb), the input as the network sees it
    layers   the earlier and the later layer
    shown    the attribution to their channels, by the same method
    """

    asked: Asked
    picture: NDArray[np.uint8]
    layers: tuple[LayerChannels, LayerChannels]
    shown: tuple[MethodChannels, MethodChannels]

    @classmethod
    def of_run(
        cls, asked: Asked, files: Mapping[str, Any], method: str | None = None
    ) -> ChannelsPanel:
        """Read the files of a run.

        method   one that the files hold; the linear one, or else their first, without a name

        Raises what `read_layer` raises, and ``UnknownName`` for a method that a file lacks.
        """
        first, second = (read_layer(asked, files, place) for place in (1, 2))
        found = first.by(method)
        picture, _ = images.read_input(files["picture"])
        return cls(asked, picture, (first, second), (found, second.by(found.method)))


def compose_channels(
    asked: Asked, files: Mapping[str, Any], style: Style, method: str | None = None
) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel on a sheet; returns its height in mm too."""
    panel = ChannelsPanel.of_run(asked, files, method)
    sheet = Sheet(style.width_mm)
    inner = sheet.width - 2 * EDGE
    method = panel.shown[0].method
    caption = captions.pair_caption(asked, panel.layers[0].pair)
    caption += f"; method {method}: {channel_captions.what_method(method)}"
    top = begin(sheet, f"{TITLE}: {asked.run}", caption)
    for layer, found in zip(panel.layers, panel.shown, strict=True):
        scale = Scale.of(found)
        heading(sheet, EDGE, top + 2.4, inner, layer.layer, f"{layer.grid} positions")
        words = f"{channel_captions.counts(found)}. {channel_captions.adding_up(layer, found)}."
        top += 2.4
        for line in wrapped(words, TEXT_PT, inner):
            top += LINE
            sheet.text(EDGE, top, line, TEXT_PT, colour=GREY)
        top = place_bars(sheet, found, scale, style.channels, Place(EDGE, top + 3.2, inner))
        strongest = Strongest(layer, found, panel.picture, scale, style)
        top = strongest.place(sheet, Place(EDGE, top + 1.0, inner)) + BETWEEN
    foot = channel_captions.channels_foot(panel.layers, method, asked.override)
    return sheet, finish(sheet, foot, top - BETWEEN)
