"""What every printed panel begins and ends with: title and caption, and what the marks mean."""

from __future__ import annotations

from blockscope.figures.print.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.sheet import Sheet, shortened, text_width, wrapped

TITLE_PT = 8.0
GAP = 4.0  # mm between columns
EDGE = 1.0  # mm of margin


def begin(sheet: Sheet, title: str, caption: str) -> float:
    """Place title and caption; returns where they end, in mm from the top."""
    width = sheet.width - 2 * EDGE
    sheet.title = title
    top = EDGE + 3.0
    sheet.text(EDGE, top, shortened(title, TITLE_PT, width, bold=True), TITLE_PT, bold=True)
    for line in wrapped(caption, TEXT_PT, width):
        top += LINE
        sheet.text(EDGE, top, line, TEXT_PT, colour=GREY)
    return top + 2.6


def finish(sheet: Sheet, words: str, top: float) -> float:
    """Place the words that explain the panel; returns the height of the whole sheet."""
    for line in wrapped(words, SMALL_PT, sheet.width - 2 * EDGE):
        top += LINE * 0.92
        sheet.text(EDGE, top, line, SMALL_PT, colour=GREY)
    return top + 1.8


def columns(sheet: Sheet, count: int) -> tuple[list[float], float]:
    """Divide the sheet's width: returns the left edges of equal columns, and their width."""
    width = (sheet.width - 2 * EDGE - (count - 1) * GAP) / count
    return [EDGE + place * (width + GAP) for place in range(count)], width


def heading(sheet: Sheet, left: float, baseline: float, width: float, name: str, note: str) -> None:
    """Place a bold name, and at the right a note where both fit."""
    sheet.text(left, baseline, shortened(name, TEXT_PT, width, bold=True), TEXT_PT, bold=True)
    if text_width(name, TEXT_PT, bold=True) + text_width(note, TEXT_PT) + 2 <= width:
        sheet.text(left + width, baseline, note, TEXT_PT, colour=GREY, align="right")
