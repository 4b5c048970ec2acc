"""The printed panel "gradient overrides": the same maps under all gradients, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.arrays import Pixels
from blockscope.figures.colour import two_label_map
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.maps import KINDS, Cell, Maps, grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.palettes import signed_map
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT
from blockscope.figures.print.parts.layout import (
    GAP,
    Place,
    begin,
    columns,
    finish,
    heading,
    outline_cell,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.print.spatial import COLOURS, legend
from blockscope.figures.style import Style
from blockscope.io import datasets, images


@dataclass(frozen=True)
class OverridesPanel:
    """The maps of one run under every gradient; ``pixels`` is the input."""

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    maps: tuple[Maps, ...]

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> OverridesPanel:
        """Read the files of a run; raises what `Maps.of_files` and `find_contrast` raise."""
        contrast = find_contrast(run.classes, datasets.read(files.one("classes2")))
        pixels, _ = images.read_png(files.one("image"))
        lists = zip(*(files.many(f"override_{kind}") for kind in KINDS), strict=True)
        maps = [Maps.of_files(run, contrast, dict(zip(KINDS, x, strict=True))) for x in lists]
        return cls(run, contrast, pixels, tuple(maps))


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = OverridesPanel.of_run(run, files)
    caption = captions.contrast_caption(run, panel.contrast, gradient=False)
    sheet, top = begin("overrides", run, caption, style)
    lefts, width = columns(sheet, len(panel.maps))
    # One position for all: the one of the later layer that supports the first label most.
    cell = panel.maps[0].strongest(1, 0)
    bottoms = [
        _column(sheet, panel, maps, cell, Place(left, top, width), style)
        for left, maps in zip(lefts, panel.maps, strict=True)
    ]
    top = legend(sheet, panel.contrast, lefts[0], sheet.width - 2 * lefts[0], max(bottoms))
    return finish(sheet, captions.overrides_foot(run, cell), top)


def _column(
    sheet: Sheet, panel: OverridesPanel, maps: Maps, cell: Cell, at: Place, style: Style
) -> float:
    """Place one gradient's maps below one another; returns where they end."""
    height = at.height(panel.pixels)
    top = at.top
    first, second = panel.run.layers
    heading(sheet, at.left, top + 2.4, at.width, maps.override, "")
    top += LINE
    parts = [
        (f"{first}, {grid_words(maps.labels[0][0])}", two_label_map(*maps.labels[0])),
        (f"{second}, {grid_words(maps.labels[1][0])}", two_label_map(*maps.labels[1])),
        (f"{first}: contributions to {second}, {cell}", signed_map(maps.sources(cell))),
    ]
    for place, (name, overlay) in enumerate(parts):
        end = sheet.paragraph(
            at.left, top - 0.6, name, SMALL_PT, width=at.width, leading=3.0, colour=GREY
        )
        here = Place(at.left, end + 1.2, at.width)
        place_overlay(sheet, here, panel.pixels, overlay, style)
        if place == 2:
            rows, cols = maps.labels[1][0].shape
            outline_cell(sheet, here, panel.pixels, cell, (rows, cols), COLOURS[0])
        top = here.top + height + GAP / 4
    return top
