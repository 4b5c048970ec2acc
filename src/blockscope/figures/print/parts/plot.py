"""A small plot on a sheet: numbers across and down, in a frame that says its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.figures.arrays import Floats, Places
from blockscope.figures.captions import number
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT
from blockscope.figures.print.parts.layout import Place
from blockscope.figures.print.parts.sheet import Sheet, shortened

Values = Floats | Places | Sequence[float]

FRAME, ZERO = "#b8b8b8", "#d0d0d0"
SHARE = 0.7  # height of a plot, of its width
MARGIN = 0.03  # of a range
DOT = 0.35  # mm, radius


def span(*values: Values) -> tuple[float, float]:
    """Return a range that holds all values and 0, with a margin that keeps dots off its edge."""
    found = np.concatenate([np.ravel(v) for v in values])
    finite = found[np.isfinite(found)]
    low, high = float(min(finite.min(initial=0), 0)), float(max(finite.max(initial=0), 0))
    if high == low:
        return -1.0, 1.0
    edge = MARGIN * (high - low)
    return low - edge * (low < 0), high + edge * (high > 0)


@dataclass(frozen=True)
class Plot:
    """A frame on a sheet, with the range of what it shows in both directions."""

    sheet: Sheet
    place: Place
    across: tuple[float, float]
    up: tuple[float, float]

    @property
    def bottom(self) -> float:
        """Where the frame ends, in mm from the top."""
        return self.place.top + self.place.width * SHARE

    def x(self, values: Values) -> list[float]:
        """Return where values stand, in mm from the left."""
        return self._placed(values, self.across, self.place.left, self.place.width)

    def y(self, values: Values) -> list[float]:
        """Return where values stand, in mm from the top."""
        height = self.bottom - self.place.top
        return self._placed(values, self.up, self.bottom, -height)

    @staticmethod
    def _placed(
        values: Values, ends: tuple[float, float], start: float, length: float
    ) -> list[float]:
        low, high = ends
        share = (np.clip(np.asarray(values, np.float64), low, high) - low) / (high - low)
        return [float(start + length * one) for one in share]

    def frame(self, names: tuple[str, str], counted: bool = True) -> float:
        """Draw the frame and lines at zero, and say the ranges below; returns where that ends.

        ``names``: what is across, what is up; ``counted``: whether what is across is a number.
        """
        sheet, place = self.sheet, self.place
        left, height = place.left, self.bottom - place.top
        for (low, high), draw in ((self.across, self._down), (self.up, self._level)):
            if low < 0 < high:
                draw(0.0)
        sheet.outline(left, place.top, place.width, height, FRAME, 0.5)
        baseline = self.bottom
        sides = (("across", names[0], self.across), ("up", names[1], self.up))
        for side, name, (low, high) in sides:
            full = max(abs(low), abs(high))
            ends = f"{number(low, full)} to {number(high, full)}"
            said = f"{side}: {name}" + (f", {ends}" if counted or side == "up" else "")
            baseline = sheet.paragraph(
                left, baseline, said, SMALL_PT, width=place.width, leading=LINE * 0.92, colour=GREY
            )
        return baseline + 1.6

    def _down(self, value: float) -> None:
        at = self.x([value])[0]
        self.sheet.line((at, at), (self.place.top, self.bottom), ZERO, 0.4)

    def _level(self, value: float) -> None:
        at = self.y([value])[0]
        ends = (self.place.left, self.place.left + self.place.width)
        self.sheet.line(ends, (at, at), ZERO, 0.4)

    def diagonal(self) -> None:
        """Draw where both numbers are equal."""
        ends = (max(self.across[0], self.up[0]), min(self.across[1], self.up[1]))
        self.sheet.line(self.x(ends), self.y(ends), FRAME, 0.5)

    def dots(self, across: Values, up: Values, colour: str) -> None:
        """Draw a dot for each pair of numbers."""
        self.sheet.dots(self.x(across), self.y(up), DOT, colour)

    def curve(self, across: Values, up: Values, colour: str, points: float = 0.9) -> None:
        """Draw a line through pairs of numbers."""
        self.sheet.line(self.x(across), self.y(up), colour, points)

    def band(self, across: Values, low: Values, high: Values, colour: str) -> None:
        """Fill what lies between two curves."""
        there, back = self.x(across), self.x(across[::-1])
        self.sheet.area([*there, *back], [*self.y(low), *self.y(high[::-1])], colour)

    def title(self, words: str) -> None:
        """Place a short bold heading above the frame."""
        fits = shortened(words, SMALL_PT, self.place.width, bold=True)
        self.sheet.text(self.place.left, self.place.top - 1.0, fits, SMALL_PT, bold=True)
