"""The printed panel "activation grids": the input, and what layers see at each of their positions.

Images of equal width in as many columns as the sheet has room for; the grids of all layers cover
the whole input, however many cells they have.
"""

from __future__ import annotations

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.activation_grids import GridsPanel, LayerGrid
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.layout import (
    EDGE,
    GAP,
    Place,
    begin,
    columns,
    finish,
    heading,
    place_image,
)
from blockscope.figures.print.parts.sheet import Sheet
from blockscope.figures.style import Style
from blockscope.io.counts import counted

LEAST = 50.0  # mm, width of an image whose cells can be told apart


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = GridsPanel.of_run(run, files)
    sheet, top = begin("activation_grids", run, _caption(panel), style)
    shown = [("Input", f"{grid_words(panel.pixels)} px", panel.pixels)]
    shown += [
        (grid.layer, f"{grid_words(grid.cells)} positions", grid.mosaic(style.scale_by_magnitude))
        for grid in panel.grids
    ]
    most = max(1, int((sheet.width - 2 * EDGE + GAP) // (LEAST + GAP)))
    lefts, width = columns(sheet, min(most, len(shown)))
    for first in range(0, len(shown), len(lefts)):
        row = shown[first : first + len(lefts)]
        for left, (name, note, pixels) in zip(lefts, row, strict=False):
            heading(sheet, left, top + 2.4, width, name, note)
            place_image(sheet, Place(left, top + 4.0, width), pixels)
        top += 4.0 + max(Place(0, 0, width).height(pixels) for *_, pixels in row) + GAP / 2
    return finish(sheet, _foot(panel, style), top)


def _caption(panel: GridsPanel) -> str:
    methods = dict.fromkeys(grid.method for grid in panel.grids)
    made = " and ".join(methods)
    return f"Model {panel.run.model}, image {panel.run.image}; {made} activation grids"


def _foot(panel: GridsPanel, style: Style) -> str:
    """Say what a cell is, what its size means, and how many cells diverged."""
    what = (
        "A cell is an image rendered so that the layer responds to it as it does to the input at "
        "this position. All grids cover the whole input."
    )
    words = [what]
    if style.scale_by_magnitude:
        longest = ", ".join(f"{grid.layer} {_longest(grid)}" for grid in panel.grids)
        words.append(
            "The sides of a cell are in proportion to the length of its activation vector, and "
            f"largest at the longest of its layer: {longest}."
        )
    for grid in panel.grids:
        diverged = int((grid.diverged_step >= 0).sum())
        if diverged:
            their = "its" if diverged == 1 else "their"
            words.append(
                f"{counted(diverged, 'cell')} of {grid.layer} diverged: {their} numbers became "
                "NaN or infinite."
            )
    return " ".join(words)


def _longest(grid: LayerGrid) -> str:
    largest = float(grid.magnitude.max(initial=0.0))
    return captions.number(largest, largest or 1.0)
