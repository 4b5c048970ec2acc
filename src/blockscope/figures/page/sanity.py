"""The panel of randomised networks on a page: charts and a table, as HTML that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockscope.config.settings import RunRow
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.sanity import MEASURES, Curve, SanityPanel
from blockscope.figures.page.html import StaticPanel, as_html
from blockscope.figures.sanity_words import COLOURS, explanation, likeness_words, place_words
from blockscope.figures.style import Style

WIDTH, HEIGHT = 100.0, 60.0  # of a chart, in its own units
CLASSES = ("first", "second", "third")
"""Of the overrides, in their order: the page's style gives them their colours."""


@dataclass(frozen=True)
class _Dot:
    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class _Line:
    look: str
    dots: Sequence[_Dot]
    paths: Sequence[str]  # points of the lines through neighbours of a cascade


@dataclass(frozen=True)
class _Chart:
    title: str
    lines: Sequence[_Line]


@dataclass(frozen=True)
class _Label:
    name: str
    charts: Sequence[_Chart]
    rows: Sequence[tuple[str, str, Sequence[str]]]  # place, override, a number for each measure


def render_sanity(run: RunRow, files: PanelFiles, _style: Style, _input_uri: str) -> StaticPanel:
    """Draw what is left of a run's maps, which no style changes and no image is needed for."""
    panel = SanityPanel.of_run(run, files)
    step = WIDTH / max(len(panel.places), 1)
    overrides = list(next(iter(next(iter(panel.curves.values())).values())))
    html = as_html(
        "sanity.html.j2",
        width=WIDTH,
        height=HEIGHT,
        step=step,
        zero=_down(0.0, panel.lowest),
        lowest=f"{panel.lowest:g}".replace("-", "\N{MINUS SIGN}"),
        places=[(n, place_words(place), place.moved) for n, place in enumerate(panel.places, 1)],
        overrides=list(zip(CLASSES, COLOURS, overrides, strict=True)),
        measures=list(MEASURES.values()),
        labels=[_label(panel, name, step) for name in panel.curves],
        explanation=explanation(panel),
    )
    networks = sum(place.seeds for place in panel.places)
    return StaticPanel(html, {"Randomised networks": str(networks)})


def _down(value: float, lowest: float) -> float:
    return round(HEIGHT * (1 - (min(value, 1.0) - lowest) / (1 - lowest)), 2)


def _label(panel: SanityPanel, name: str, step: float) -> _Label:
    measures = panel.curves[name]
    charts = [
        _Chart(
            MEASURES[measure],
            [
                _line(panel, curve, look, override, step)
                for look, (override, curve) in zip(CLASSES, curves.items(), strict=True)
            ],
        )
        for measure, curves in measures.items()
    ]
    rows = [
        (
            place_words(place),
            override,
            [likeness_words(curves[override][number]) for curves in measures.values()],
        )
        for number, place in enumerate(panel.places)
        for override in next(iter(measures.values()))
    ]
    return _Label(name, charts, rows)


def _line(panel: SanityPanel, curve: Curve, look: str, override: str, step: float) -> _Line:
    dots: list[_Dot] = []
    paths: list[list[str]] = []
    joined = False  # whether the one before has a number
    for number, (place, point) in enumerate(zip(panel.places, curve, strict=True)):
        if point.count:
            aside = (CLASSES.index(look) - 1) * min(step / 6, 3)
            x, y = round((number + 0.5) * step + aside, 2), _down(point.mean, panel.lowest)
            low, high = (_down(end, panel.lowest) for end in (point.low, point.high))
            words = f"{override}, {place_words(place)}: {likeness_words(point)}"
            dots.append(_Dot(x, y, low, high, words))
            paths += [] if joined and place.kind == "cascading" else [[]]
            paths[-1].append(f"{x},{y}")
        joined = bool(point.count)
    return _Line(look, dots, [" ".join(path) for path in paths])
