"""The printed panel "spatial attribution": two labels at two layers, and positions between them.

Above, the input and the two-label maps of both layers. Below, for the position of the later
layer that supports each label most, rather than the other, what contributes to it; for that of the
earlier layer, what it contributes to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.colour import BLUE, ORANGE, two_label_map
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.maps import Maps, grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.palettes import signed_map
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.layout import (
    Place,
    begin,
    columns,
    finish,
    heading,
    headings,
    outline_cell,
    place_image,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet, shortened_apart
from blockscope.figures.style import Style
from blockscope.io import datasets, images

SWATCH = 2.2  # mm
LEAST_WIDTH = 25.0  # mm of a map with words over and below it
COLOURS = (ORANGE, BLUE)


@dataclass(frozen=True)
class SpatialPanel:
    """The maps of one run; ``pixels`` is the input."""

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    maps: Maps

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> SpatialPanel:
        """Read the files of a run; raises what `Maps.of_run` and `find_contrast` raise."""
        contrast = find_contrast(run.classes, datasets.read(files.one("classes2")))
        pixels, _ = images.read_png(files.one("image"))
        return cls(run, contrast, pixels, Maps.of_run(run, contrast, files))


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = SpatialPanel.of_run(run, files)
    caption = captions.contrast_caption(run, panel.contrast)
    sheet, top = begin("spatial", run, caption, style)
    top = _two_label_maps(sheet, panel, style, top)
    top = _positions(sheet, panel, style, top)
    return finish(sheet, captions.spatial_foot(panel.contrast), top)


def _two_label_maps(sheet: Sheet, panel: SpatialPanel, style: Style, top: float) -> float:
    """Place the input and both layers' two-label maps side by side; returns where they end."""
    lefts, width = columns(sheet, 3)
    labels = panel.maps.labels
    names = [("Input", f"{grid_words(panel.pixels)} px")]
    names += [(layer, grid_words(labels[n][0])) for n, layer in enumerate(panel.run.layers)]
    for place, (left, (name, note)) in enumerate(zip(lefts, names, strict=True)):
        heading(sheet, left, top + 2.4, width, name, note)
        at = Place(left, top + 4.0, width)
        if place == 0:
            place_image(sheet, at, panel.pixels)
        else:
            place_overlay(sheet, at, panel.pixels, two_label_map(*labels[place - 1]), style)
    top += 4.0 + Place(0, 0, width).height(panel.pixels)
    return legend(sheet, panel.contrast, lefts[0], sheet.width - 2 * lefts[0], top)


def legend(sheet: Sheet, contrast: Contrast, left: float, width: float, top: float) -> float:
    """Place the labels next to their colours; returns where they end."""
    baseline = top + LINE + 0.4
    share = width / len(contrast.names)
    names = shortened_apart(contrast.names, TEXT_PT, share - SWATCH - 2)
    for place, name in enumerate(names):
        start = left + place * share
        sheet.box(start, baseline - 1.95, SWATCH, SWATCH, COLOURS[place])
        sheet.text(start + SWATCH + 1, baseline, name, TEXT_PT)
    return baseline + 2.6


def _positions(sheet: Sheet, panel: SpatialPanel, style: Style, top: float) -> float:
    """Place the contributions to and of the strongest positions; returns where they end."""
    maps, layers = panel.maps, panel.run.layers
    count = max(4, 2 * len(panel.contrast.names))
    lefts, width = columns(sheet, count)
    if width < LEAST_WIDTH:  # a label's two maps in a row of their own
        lefts, width = columns(sheet, 2)
    height = Place(0, 0, width).height(panel.pixels)
    titles = (f"{layers[0]}: contributions to it", f"{layers[1]}: its contributions")
    begin = top
    for label, name in enumerate(panel.contrast.names):
        later, earlier = maps.strongest(1, label), maps.strongest(0, label)
        parts = [(maps.sources(later), later, 1), (maps.targets(earlier), earlier, 0)]
        here = [lefts[(2 * label + place) % len(lefts)] for place in range(2)]
        if label and here[0] == lefts[0]:
            begin = top
        under = headings(sheet, here, titles, width, begin)
        for left, (values, cell, own) in zip(here, parts, strict=True):
            at = Place(left, under, width)
            place_overlay(sheet, at, panel.pixels, signed_map(values), style)
            grid = maps.labels[own][0].shape
            outline_cell(sheet, at, panel.pixels, cell, (grid[0], grid[1]), COLOURS[label])
            why = (
                f"strongest for {name}"
                if maps.supports(own, label)
                else f"no position supports {name}"
            )
            end = _note(sheet, at, height, f"{layers[own]}, {cell}", why, values)
            top = max(top, end + 1.5)
    return top


def _note(sheet: Sheet, at: Place, height: float, position: str, why: str, values: Floats) -> float:
    """Say below a map which position it is about and why, and what its largest number is.

    Returns where that ends.
    """
    largest = float(np.abs(values).max(initial=0.0))
    numbers = [captions.number(value, largest or 1.0) for value in (largest, float(values.sum()))]
    top = at.top + height
    for line in (position, why, f"largest {numbers[0]}, sum {numbers[1]}"):
        top = sheet.paragraph(
            at.left, top, line, SMALL_PT, width=at.width, leading=LINE, colour=GREY
        )
    return top
