"""The printed panel "rival maps": the same label's map by several methods, and their scores."""

from __future__ import annotations

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.rivals import Rivals, Score
from blockscope.figures.palettes import signed_map
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.layout import (
    EDGE,
    Place,
    begin,
    finish,
    place_image,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet, shortened
from blockscope.figures.style import Style

FIRST = 0.2  # of the width: the input, and what scores are called
BETWEEN = 2.0  # mm


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = Rivals.of_run(run, files)
    caption = captions.contrast_caption(run, panel.contrast)
    sheet, top = begin("rivals", run, f"{caption}; layer {run.layer1}", style)
    for place, name in enumerate(panel.contrast.names):
        top = _label(sheet, panel, place, name, top, style)
    return finish(
        sheet, captions.rivals_foot(run, panel.unit, panel.orders, _on_objects(panel)), top
    )


def _on_objects(panel: Rivals) -> bool:
    return any(score.name == "pointing game" for scores in panel.scores for score in scores)


def _label(sheet: Sheet, panel: Rivals, label: int, name: str, top: float, style: Style) -> float:
    """Place the maps of one label and their scores; returns where they end."""
    whole = sheet.width - 2 * EDGE
    first, count = FIRST * whole, len(panel.names)
    width = (whole - first - count * BETWEEN) / count
    lefts = [EDGE + first + BETWEEN + n * (width + BETWEEN) for n in range(count)]
    sheet.text(EDGE, top + 2.4, shortened(name, TEXT_PT, whole, bold=True), TEXT_PT, bold=True)
    top += LINE + 1
    grid = shortened(f"Input, maps {grid_words(panel.maps[0, 0])}", SMALL_PT, first)
    sheet.text(EDGE, top + 2.4, grid, SMALL_PT, colour=GREY)
    place_image(sheet, Place(EDGE, top + 3.6, min(width, first)), panel.pixels)
    for left, title, maps in zip(lefts, panel.names, panel.maps, strict=True):
        sheet.text(left, top + 2.4, shortened(title, SMALL_PT, width), SMALL_PT, colour=GREY)
        at = Place(left, top + 3.6, width)
        place_overlay(sheet, at, panel.pixels, signed_map(maps[label]), style)
    top += 3.6 + Place(0, 0, width).height(panel.pixels) + 0.8
    for score in panel.scores[label]:
        top += LINE
        _row(sheet, score, lefts, width, first, top)
    return top + 3.4


def _row(
    sheet: Sheet, score: Score, lefts: list[float], width: float, first: float, baseline: float
) -> None:
    numbers, chance = captions.score_numbers(score)
    text = f"{score.name} ({chance})" if chance else score.name
    sheet.text(EDGE, baseline, shortened(text, SMALL_PT, first), SMALL_PT, colour=GREY)
    for n, (left, number) in enumerate(zip(lefts, numbers, strict=True)):
        bold = n in score.leading
        sheet.text(left + width, baseline, number, SMALL_PT, bold=bold, align="right")
