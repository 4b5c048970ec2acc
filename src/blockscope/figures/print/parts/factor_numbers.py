"""Numbers on the maps of a printed panel, for those who cannot tell the hues apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blockscope.figures.arrays import Floats
from blockscope.figures.print.parts.sheet import ELLIPSIS, Area, Sheet, text_width

MARK_PT = 5.5


def mark_factors(sheet: Sheet, spatial: Floats, area: Area) -> None:
    """Put each factor's number where the factor (row, col, factor) is largest.

    ``area`` in mm is that of the map; a factor without any value above zero has no mark. Marks that
    would cover one another become one, which shows as many numbers as it can hold.
    """
    left, top, right, bottom = area
    width, height = right - left, bottom - top
    rows, cols, factors = spatial.shape
    present = np.maximum(spatial, 0).reshape(rows * cols, factors)
    places: dict[int, tuple[float, float]] = {}
    for factor in range(factors):
        if present[:, factor].any():
            row, col = divmod(int(present[:, factor].argmax()), cols)
            place = (left + (col + 0.5) / cols * width, top + (row + 0.5) / rows * height)
            places[factor + 1] = place
    mark_places(sheet, places, area)


def mark_places(sheet: Sheet, places: Mapping[int, tuple[float, float]], area: Area) -> None:
    """Put each number at its place, in mm from the left and from the top, within an area.

    Marks that would cover one another become one, which shows as many numbers as it can hold.
    """
    left, top, right, bottom = area
    width, height = right - left, bottom - top
    for mark in _merged([_Mark(place, (number,)) for number, place in places.items()]):
        radius = mark.radius
        across = min(max(mark.centre[0], left + radius), max(left + radius, left + width - radius))
        down = min(max(mark.centre[1], top + radius), max(top + radius, top + height - radius))
        sheet.disc((across, down), radius, "#ffffff")
        sheet.text(across, down + 0.7, mark.text, MARK_PT, align="center")


@dataclass(frozen=True)
class _Mark:
    centre: tuple[float, float]
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        shown = ",".join(map(str, self.numbers[:2]))
        return f"{shown},{ELLIPSIS}" if len(self.numbers) > 2 else shown

    @property
    def radius(self) -> float:
        return max(1.25, text_width(self.text, MARK_PT) / 2 + 0.5)


def _merged(marks: list[_Mark]) -> list[_Mark]:
    """Join marks until none covers another; a joined mark stays where its first factor is."""
    for first, second in itertools.combinations(marks, 2):
        if math.dist(first.centre, second.centre) < first.radius + second.radius:
            joined = _Mark(first.centre, tuple(sorted(first.numbers + second.numbers)))
            rest = [mark for mark in marks if mark not in (first, second)]
            return _merged([joined, *rest])
    return marks
