"""The printed panel "spatial attribution": two labels at two layers, and positions between them.

Above, the input and the two-label pictures of both layers. Below, for the position of the later
layer that speaks most for each label rather than the other, what made it; for that of the earlier
layer, where it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures import captions
from blockscope.figures.colour import BLUE, ORANGE
from blockscope.figures.data.maps import (
    Cell,
    Maps,
    Place,
    grid_words,
    hint_overlay,
    outline_cell,
    place_overlay,
    place_picture,
    signed_overlay,
)
from blockscope.figures.data.request import Asked, Contrast, find_contrast
from blockscope.figures.print.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.layout import begin, columns, finish, heading
from blockscope.figures.print.sheet import Sheet, shortened
from blockscope.figures.style import Style
from blockscope.io import datasets, images

SWATCH = 2.2  # mm
COLOURS = (ORANGE, BLUE)


@dataclass(frozen=True)
class SpatialPanel:
    """The panel of one run; ``picture`` uint8 (row, col, rgb) is the input."""

    asked: Asked
    pair: Contrast
    picture: NDArray[np.uint8]
    maps: Maps

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> SpatialPanel:
        """Read the files of a run; raises what `Maps.from_files` and `find_contrast` raise."""
        pair = find_contrast(asked.classes, datasets.read(files["classes2"]))
        picture, _ = images.read_input(files["picture"])
        return cls(asked, pair, picture, Maps.from_files(asked, pair, files, asked.override))


def compose_spatial(asked: Asked, files: Mapping[str, Any], style: Style) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel on a sheet; returns its height in mm too."""
    panel = SpatialPanel.of_run(asked, files)
    sheet = Sheet(style.width_mm)
    top = begin(
        sheet, f"Spatial attribution: {asked.run}", captions.pair_caption(asked, panel.pair)
    )
    top = place_hints(sheet, panel.picture, panel.pair, asked, panel.maps, style, top)
    top = _positions(sheet, panel, style, top)
    return sheet, finish(sheet, captions.spatial_words(panel.pair), top)


def place_hints(
    sheet: Sheet,
    picture: NDArray[np.uint8],
    pair: Contrast,
    asked: Asked,
    maps: Maps,
    style: Style,
    top: float,
) -> float:
    """Place the input and both layers' two-label pictures side by side; returns where they end."""
    lefts, width = columns(sheet, 3)
    rows, cols, _ = picture.shape
    names = [("Input", f"{grid_words(picture)} px")]
    names += [
        (layer, grid_words(maps.labels[place][0])) for place, layer in enumerate(asked.layers)
    ]
    for place, (left, (name, note)) in enumerate(zip(lefts, names, strict=True)):
        heading(sheet, left, top + 2.4, width, name, note)
        at = Place(left, top + 4.0, width)
        if place == 0:
            place_picture(sheet, at, picture, style)
        else:
            place_overlay(sheet, at, picture, hint_overlay(maps, place - 1), style)
    top += 4.0 + width * rows / cols
    return legend(sheet, pair, lefts[0], sheet.width - 2 * lefts[0], top)


def legend(sheet: Sheet, pair: Contrast, left: float, width: float, top: float) -> float:
    """Place the labels beside their colours; returns where they end."""
    baseline = top + LINE + 0.4
    share = width / len(pair.names)
    for place, name in enumerate(pair.names):
        start = left + place * share
        sheet.box(start, baseline - 1.95, SWATCH, SWATCH, COLOURS[place])
        text = shortened(name, TEXT_PT, share - SWATCH - 2)
        sheet.text(start + SWATCH + 1, baseline, text, TEXT_PT)
    return baseline + 2.6


def _positions(sheet: Sheet, panel: SpatialPanel, style: Style, top: float) -> float:
    """Place what made the strongest positions, and where they go; returns where that ends."""
    maps, layers = panel.maps, panel.asked.layers
    lefts, width = columns(sheet, max(4, 2 * len(panel.pair.names)))
    height = Place(0, 0, width).height(panel.picture)
    for label, name in enumerate(panel.pair.names):
        later, earlier = maps.strongest(1, label), maps.strongest(0, label)
        parts = [
            (f"{layers[0]}: what made it", maps.sources(later), later, 1),
            (f"{layers[1]}: where it goes", maps.targets(earlier), earlier, 0),
        ]
        for place, (title, values, cell, own) in enumerate(parts):
            left = lefts[2 * label + place]
            heading(sheet, left, top + 2.4, width, title, "")
            at = Place(left, top + 4.0, width)
            place_overlay(sheet, at, panel.picture, signed_overlay(values), style)
            grid = maps.labels[own][0].shape
            outline_cell(sheet, at, panel.picture, cell, (grid[0], grid[1]), COLOURS[label])
            _note(sheet, at, height, layers[own], cell, values, name)
    return top + 4.0 + height + 3 * LINE + 1.5


def _note(
    sheet: Sheet, at: Place, height: float, layer: str, cell: Cell, values: NDArray[Any], name: str
) -> None:
    """Say below a map which position it is about, and what its largest number is."""
    largest = float(np.abs(values).max(initial=0.0))
    numbers = [captions.number(value, largest or 1.0) for value in (largest, float(values.sum()))]
    lines = (
        f"{layer}, {cell}",
        f"most for {name}",
        f"largest {numbers[0]}, sum {numbers[1]}",
    )
    for place, line in enumerate(lines, start=1):
        baseline = at.top + height + place * LINE
        sheet.text(at.left, baseline, shortened(line, SMALL_PT, at.width), SMALL_PT, colour=GREY)
