"""The printed panel "activation grids": the input, and what layers see at each of their positions.

Pictures of equal width in as many columns as the sheet has room for; the grids of all layers cover
the whole input, however many cells they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockscope.figures import captions
from blockscope.figures.data.activation_grid import GridPanel, LayerGrid
from blockscope.figures.data.maps import Place, grid_words, place_picture
from blockscope.figures.data.request import Asked
from blockscope.figures.print.layout import EDGE, GAP, begin, columns, finish, heading
from blockscope.figures.print.sheet import Sheet
from blockscope.figures.style import Style

TITLE = "Activation grids"
LEAST = 50.0  # mm, width of a picture whose cells can be told apart


def compose_grid(asked: Asked, files: Mapping[str, Any], style: Style) -> tuple[Sheet, float]:
    """Read the files of a run and place its panel on a sheet; returns its height in mm too."""
    panel = GridPanel.of_run(asked, files)
    sheet = Sheet(style.width_mm)
    top = begin(sheet, f"{TITLE}: {asked.run}", _caption(panel))
    shown = [("Input", f"{grid_words(panel.picture)} px", panel.picture)]
    shown += [
        (grid.layer, f"{grid_words(grid.cells)} positions", grid.picture(style.sized))
        for grid in panel.grids
    ]
    most = max(1, int((sheet.width - 2 * EDGE + GAP) // (LEAST + GAP)))
    lefts, width = columns(sheet, min(most, len(shown)))
    for first in range(0, len(shown), len(lefts)):
        row = shown[first : first + len(lefts)]
        for left, (name, note, picture) in zip(lefts, row, strict=False):
            heading(sheet, left, top + 2.4, width, name, note)
            place_picture(sheet, Place(left, top + 4.0, width), picture, style)
        top += 4.0 + max(Place(0, 0, width).height(picture) for *_, picture in row) + GAP / 2
    return sheet, finish(sheet, _foot(panel, style), top)


def _caption(panel: GridPanel) -> str:
    asked, methods = panel.asked, {grid.method: None for grid in panel.grids}
    made = " and ".join(methods)
    return f"Model {asked.model}, image {asked.image}; {made} activation grids"


def _foot(panel: GridPanel, style: Style) -> str:
    """Say what a cell is, what its size means, and which cells are not finished."""
    what = (
        "A cell is a picture rendered so that the layer responds to it as it does to the input at "
        "this position. All grids cover the whole input."
    )
    words = [what]
    if style.sized:
        longest = ", ".join(f"{grid.layer} {_longest(grid)}" for grid in panel.grids)
        words.append(
            "The sides of a cell are in proportion to the length of its activation vector, in each "
            f"layer up to the longest: {longest}."
        )
    for grid in panel.grids:
        stopped = int((grid.stopped >= 0).sum())
        if stopped:
            cells, are, their = ("cell", "is", "its") if stopped == 1 else ("cells", "are", "their")
            words.append(
                f"{stopped} {cells} of {grid.layer} {are} unfinished: {their} numbers left the "
                "finite."
            )
    return " ".join(words)


def _longest(grid: LayerGrid) -> str:
    largest = float(grid.magnitude.max(initial=0.0))
    return captions.number(largest, largest or 1.0)
