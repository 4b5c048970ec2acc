"""The printed panel "randomised networks": what is left of a map, measure by measure."""

from __future__ import annotations

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.sanity import MEASURES, Curve, SanityPanel
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.layout import EDGE, Place, begin, columns, finish
from blockscope.figures.print.parts.sheet import Sheet, shortened, text_width
from blockscope.figures.sanity_words import COLOURS, explanation, place_words
from blockscope.figures.style import Style

HEIGHT = 26.0  # mm of a chart
SCALE = 7.5  # mm left of it, for its numbers
RADIUS = 0.65  # mm of a mean
SHADE = "#efefef"


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = SanityPanel.of_run(run, files)
    caption = captions.contrast_caption(run, panel.contrast, gradient=False)
    sheet, top = begin("sanity", run, caption, style)
    lefts, width = columns(sheet, len(MEASURES))
    for label, measures in panel.curves.items():
        top += LINE
        inner = sheet.width - 2 * EDGE
        sheet.text(EDGE, top, shortened(label, TEXT_PT, inner, bold=True), TEXT_PT, bold=True)
        ends = [
            sheet.paragraph(left, top, title, SMALL_PT, width=width, leading=LINE, colour=GREY)
            for left, title in zip(lefts, MEASURES.values(), strict=True)
        ]
        top = max(ends) + 3.0
        for left, measure in zip(lefts, MEASURES, strict=True):
            _chart(sheet, panel, measures[measure], Place(left + SCALE, top, width - SCALE))
        top += HEIGHT + 4.0
    return finish(sheet, explanation(panel), _legend(sheet, panel, top))


def _chart(sheet: Sheet, panel: SanityPanel, curves: dict[str, Curve], at: Place) -> None:
    """Place the curves of one measure of one label, a colour for each override."""
    lowest = panel.lowest
    step = at.width / max(len(panel.places), 1)

    def down(value: float) -> float:
        return at.top + HEIGHT * (1 - (min(value, 1.0) - lowest) / (1 - lowest))

    for number, place in enumerate(panel.places):
        if place.moved:
            sheet.box(at.left + number * step, at.top, step, HEIGHT, SHADE)
        middle = at.left + (number + 0.5) * step
        sheet.text(middle, at.top + HEIGHT + 2.6, str(number + 1), SMALL_PT, align="center")
    for value in dict.fromkeys((lowest, 0.0, 1.0)):
        sheet.line((at.left, at.left + at.width), (down(value),) * 2, "#bdbdbd", 0.4)
        text = f"{value:g}".replace("-", captions.MINUS)
        sheet.text(at.left - 0.8, down(value) + 0.7, text, SMALL_PT, colour=GREY, align="right")
    for which, (colour, curve) in enumerate(zip(COLOURS, curves.values(), strict=True)):
        aside = (which - (len(curves) - 1) / 2) * min(step / 6, 1.2)
        before = None  # the point before of the same cascade
        for number, (place, point) in enumerate(zip(panel.places, curve, strict=True)):
            if not point.count:
                before = None
                continue
            across, height = at.left + (number + 0.5) * step + aside, down(point.mean)
            sheet.line((across, across), (down(point.low), down(point.high)), colour, 0.6)
            if before and place.kind == "cascading":
                sheet.line((before[0], across), (before[1], height), colour, 0.8)
            sheet.disc((across, height), RADIUS, colour)
            before = across, height


def _legend(sheet: Sheet, panel: SanityPanel, top: float) -> float:
    """Name the overrides and the places; returns where the words end."""
    top += 3.0
    left = EDGE
    overrides = next(iter(next(iter(panel.curves.values())).values()))
    for colour, override in zip(COLOURS, overrides, strict=True):
        sheet.disc((left + 1.0, top - 0.7), RADIUS, colour)
        sheet.text(left + 2.6, top, override, TEXT_PT)
        left += 2.6 + text_width(override, TEXT_PT) + 4.0
    numbered = (f"{n} {place_words(place)}" for n, place in enumerate(panel.places, start=1))
    words = "Weights drawn anew: " + "; ".join(numbered) + "."
    width = sheet.width - 2 * EDGE
    return sheet.paragraph(EDGE, top, words, TEXT_PT, width=width, leading=LINE) + 1.0
