"""The printed panel "rival maps": the same label's map by several methods, and their scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    place_over,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet, shortened, text_width, wrapped
from blockscope.figures.style import Style

FIRST = 0.2  # of the width: the input, and what scores are called
BETWEEN = 2.0  # mm
HEADING_LINE = 2.7  # mm from one line over a map to the next


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
    """Place the maps of one label and their scores; returns where they end.

    Where the sheet is too narrow for all maps side by side, they stand in several equal rows, each
    with its scores.
    """
    whole = sheet.width - 2 * EDGE
    scores, count = panel.scores[label], len(panel.names)
    least = BETWEEN + _least_width(panel, scores)
    first = max(FIRST * whole, _widest(map(_with_chance, scores), SMALL_PT))
    if (whole - first) / count < least:  # what chance gives in a line of its own
        first = max(FIRST * whole, _widest((score.name for score in scores), SMALL_PT))
    rows = math.ceil(count / max(1, int((whole - first) // least)))
    across = math.ceil(count / rows)
    width = min((whole - first) / across - BETWEEN, first)
    sheet.text(EDGE, top + 2.4, shortened(name, TEXT_PT, whole, bold=True), TEXT_PT, bold=True)
    top += LINE + 1
    for start in range(0, count, across):
        maps = range(start, min(start + across, count))
        top = _maps(sheet, panel, label, maps, _Columns(first, width), top, style)
    return top


@dataclass(frozen=True)
class _Columns:
    """The widths of what scores are called, and of each map, in mm."""

    first: float
    width: float

    def left(self, place: int) -> float:
        return EDGE + self.first + BETWEEN + place * (self.width + BETWEEN)


def _maps(
    sheet: Sheet,
    panel: Rivals,
    label: int,
    maps: Sequence[int],
    columns: _Columns,
    top: float,
    style: Style,
) -> float:
    """Place some maps side by side, with the input before the first; returns where they end."""
    width = columns.width
    headings = [wrapped(panel.names[n], SMALL_PT, width) for n in maps]
    if maps[0] == 0:
        words = ["Input, maps " + grid_words(panel.maps[0, 0])]
        if text_width(words[0], SMALL_PT) > columns.first:
            words = ["Input,", words[0].removeprefix("Input, ")]
        headings.insert(0, words)
        lefts = [EDGE, *map(columns.left, range(len(maps)))]
    else:
        lefts = [columns.left(place) for place in range(len(maps))]
    top = place_over(sheet, lefts, headings, top, SMALL_PT, HEADING_LINE, colour=GREY) + 1.2
    if maps[0] == 0:
        place_image(sheet, Place(EDGE, top, width), panel.pixels)
    for place, n in enumerate(maps):
        at = Place(columns.left(place), top, width)
        place_overlay(sheet, at, panel.pixels, signed_map(panel.maps[n, label]), style)
    top += Place(0, 0, width).height(panel.pixels) + 0.8
    for score in panel.scores[label]:
        top = _row(sheet, score, maps, columns, top)
    return top + 3.4


def _row(sheet: Sheet, score: Score, maps: Sequence[int], columns: _Columns, top: float) -> float:
    numbers, chance = captions.score_numbers(score)
    baseline = top + LINE
    for place, n in enumerate(maps):
        right = columns.left(place) + columns.width
        sheet.text(right, baseline, numbers[n], SMALL_PT, bold=n in score.leading, align="right")
    whole = _with_chance(score)
    fits = not chance or text_width(whole, SMALL_PT) <= columns.first
    for line in [whole] if fits else [score.name, f"({chance})"]:
        top += LINE
        shown = shortened(line, SMALL_PT, columns.first)
        sheet.text(EDGE, top, shown, SMALL_PT, colour=GREY)
    return top


def _with_chance(score: Score) -> str:
    chance = captions.score_numbers(score)[1]
    return f"{score.name} ({chance})" if chance else score.name


def _least_width(panel: Rivals, scores: Iterable[Score]) -> float:
    """Return the width in mm of the widest number, and of the longest word over a map."""
    numbers = (number for score in scores for number in captions.score_numbers(score)[0])
    words = (word for name in panel.names for word in name.split())
    return max(_widest(numbers, SMALL_PT, bold=True), _widest(words, SMALL_PT))


def _widest(texts: Iterable[str], points: float, bold: bool = False) -> float:
    return max(text_width(text, points, bold) for text in texts)
