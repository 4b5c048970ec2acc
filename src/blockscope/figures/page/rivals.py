"""The panel of rival maps on a page: HTML that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.rivals import Rivals
from blockscope.figures.image_encoding import png_uri
from blockscope.figures.page.html import StaticPanel, as_html
from blockscope.figures.palettes import signed_map
from blockscope.figures.style import Style


@dataclass(frozen=True)
class _Map:
    name: str
    uri: str
    alt: str


@dataclass(frozen=True)
class _Row:
    name: str
    chance: str
    cells: Sequence[tuple[str, bool]]  # a number, and whether it is the best


@dataclass(frozen=True)
class _Label:
    name: str
    maps: Sequence[_Map]
    rows: Sequence[_Row]


def render_rivals(run: RunRow, files: PanelFiles, style: Style, input_uri: str) -> StaticPanel:
    """Draw the rival maps of a run; ``input_uri`` is its input image as a data: address."""
    panel = Rivals.of_run(run, files)
    rows, cols, _ = panel.pixels.shape
    grid = grid_words(panel.maps[0, 0])
    objects = any(len(scores) > 7 for scores in panel.scores)
    html = as_html(
        "rivals.html.j2",
        input_uri=input_uri,
        ratio=f"{cols} / {rows}",
        interpolate=style.interpolate,
        layer=run.layer1,
        grid=grid,
        labels=[_label(panel, n, name) for n, name in enumerate(panel.contrast.names)],
        foot=captions.rivals_foot(run, panel.unit, panel.orders, objects),
    )
    return StaticPanel(html, {"Maps compared": ", ".join(panel.names)})


def _label(panel: Rivals, place: int, name: str) -> _Label:
    maps = [
        _Map(method, png_uri(signed_map(found[place])), _whereabouts(method, name, found[place]))
        for method, found in zip(panel.names, panel.maps, strict=True)
    ]
    rows = []
    for score in panel.scores[place]:
        numbers, chance = captions.score_numbers(score)
        cells = [(number, n in score.leading) for n, number in enumerate(numbers)]
        rows.append(_Row(score.name, chance, cells))
    return _Label(name, maps, rows)


def _whereabouts(method: str, label: str, values: np.ndarray) -> str:
    """Say in words where a map is largest, for those who do not see it."""
    row, col = np.unravel_index(values.argmax(), values.shape)
    if values.max() <= 0:
        return f"{method} of {label}: no position supports it."
    return f"{method} of {label}: largest at row {row + 1}, column {col + 1}."
