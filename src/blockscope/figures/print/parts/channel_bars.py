"""All channels of a layer as thin bars, on a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.figures.captions import signed
from blockscope.figures.data.channels import MethodChannels
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.figures.print.parts.bar_list import GREY, SMALL_PT
from blockscope.figures.print.parts.layout import Place
from blockscope.figures.print.parts.sheet import Sheet, text_width

BARS = 15.0  # mm from the largest value to the smallest
PALE = 0.6  # of white in the bars of channels that are not shown below
NEAR = 2.8  # mm from zero's number within which another one would cover it
AXIS = "#9a9a9a"


@dataclass(frozen=True)
class BarScale:
    """What the ends of a scale stand for: the largest value, and the smallest one's size."""

    above: float
    below: float

    @property
    def full(self) -> float:
        """The larger of both, the full length of one value's bar; 1 where all values are zero."""
        return max(self.above, self.below) or 1.0

    @classmethod
    def of(cls, *methods: MethodChannels) -> BarScale:
        """Return the scale that holds all values of one or more methods."""
        above = max(float(found.values.max(initial=0.0)) for found in methods)
        below = max(float(-found.values.min(initial=0.0)) for found in methods)
        return cls(above, below)


def place_bars(
    sheet: Sheet, found: MethodChannels, scale: BarScale, strong: int, at: Place
) -> float:
    """Place one bar per channel, the largest value first; returns where they end.

    ``strong`` channels of either direction have the full colour. The numbers of the scale take
    part of the width.
    """
    height = BARS / (scale.above + scale.below or 1.0)  # mm per unit
    base = at.top + scale.above * height
    marks = [(at.top, scale.above), (at.top + BARS, -scale.below)]
    texts = [(down, signed(v, scale.full)) for down, v in marks if abs(down - base) > NEAR]
    texts.append((base, "0"))
    axis = at.left + max(text_width(text, SMALL_PT) for _, text in texts) + 1.0
    for down, text in texts:
        sheet.text(axis - 1.0, down + 0.8, text, SMALL_PT, colour=GREY, align="right")
    order = np.argsort(-found.values, kind="stable")
    values = found.values[order].astype(np.float64)
    full = np.isin(order, np.concatenate(found.strongest(strong)))
    colours = [_colour(value, bool(it)) for value, it in zip(values.tolist(), full, strict=True)]
    sheet.bars(axis, base, at.left + at.width - axis, (values * height).tolist(), colours)
    sheet.line((axis, at.left + at.width), (base, base), AXIS, 0.4)
    return at.top + BARS + 1.6


def _colour(value: float, full: bool) -> str:
    colour = FOR if value > 0 else AGAINST
    if full:
        return colour
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(PALE * 255 + (1 - PALE) * part):02x}" for part in parts)
