"""The printed panel "gradient overrides": the same maps under all gradients, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures import captions
from blockscope.figures.data.maps import (
    Maps,
    Place,
    grid_words,
    hint_overlay,
    outline_cell,
    place_overlay,
    signed_overlay,
)
from blockscope.figures.data.request import Asked, Contrast, find_contrast
from blockscope.figures.print.bar_list import GREY, LINE, SMALL_PT
from blockscope.figures.print.layout import GAP, begin, columns, finish, heading
from blockscope.figures.print.sheet import Sheet, shortened
from blockscope.figures.print.spatial import COLOURS, legend
from blockscope.figures.style import Style
from blockscope.io import datasets, images

KINDS = ("classes1", "classes2", "positions")


@dataclass(frozen=True)
class OverridesPanel:
    """The panel of one run: the input, uint8 (row, col, rgb), and the maps of every gradient."""

    asked: Asked
    pair: Contrast
    picture: NDArray[np.uint8]
    maps: tuple[Maps, ...]

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> OverridesPanel:
        """Read the files of a run; raises what `Maps.from_files` and `find_contrast` raise."""
        pair = find_contrast(asked.classes, datasets.read(files["classes2"]))
        picture, _ = images.read_input(files["picture"])
        lists = zip(*(files[f"override_{kind}"] for kind in KINDS), strict=True)
        maps = [Maps.from_files(asked, pair, dict(zip(KINDS, x, strict=True))) for x in lists]
        return cls(asked, pair, picture, tuple(maps))


def compose_overrides(asked: Asked, files: Mapping[str, Any], style: Style) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel on a sheet; returns its height in mm too."""
    panel = OverridesPanel.of_run(asked, files)
    sheet = Sheet(style.width_mm)
    caption = captions.pair_caption(asked, panel.pair, gradient=False)
    top = begin(sheet, f"Gradient overrides: {asked.run}", caption)
    lefts, width = columns(sheet, len(panel.maps))
    # One position for all: that of the later layer that speaks most for the first label.
    cell = panel.maps[0].strongest(1, 0)
    bottoms = [
        _column(sheet, panel, maps, cell, Place(left, top, width), style)
        for left, maps in zip(lefts, panel.maps, strict=True)
    ]
    top = legend(sheet, panel.pair, lefts[0], sheet.width - 2 * lefts[0], max(bottoms))
    return sheet, finish(sheet, captions.overrides_words(asked, cell), top)


def _column(
    sheet: Sheet, panel: OverridesPanel, maps: Maps, cell: Any, at: Place, style: Style
) -> float:
    """Place one gradient's maps below one another; returns where they end."""
    height = at.height(panel.picture)
    top = at.top
    first, second = panel.asked.layers
    heading(sheet, at.left, top + 2.4, at.width, maps.override, "")
    top += LINE
    parts = [
        (f"{first}, {grid_words(maps.labels[0][0])}", hint_overlay(maps, 0)),
        (f"{second}, {grid_words(maps.labels[1][0])}", hint_overlay(maps, 1)),
        (f"{first}: what made {second}, {cell}", signed_overlay(maps.sources(cell))),
    ]
    for place, (name, overlay) in enumerate(parts):
        text = shortened(name, SMALL_PT, at.width)
        sheet.text(at.left, top + 2.4, text, SMALL_PT, colour=GREY)
        here = Place(at.left, top + 3.6, at.width)
        place_overlay(sheet, here, panel.picture, overlay, style)
        if place == 2:
            rows, cols = maps.labels[1][0].shape
            outline_cell(sheet, here, panel.picture, cell, (rows, cols), COLOURS[0])
        top += 3.6 + height + GAP / 4
    return top
