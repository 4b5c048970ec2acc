"""Colours of maps of one number: tables that the printed panel and the page both look up.

A table has 255 colours, for values from minus the largest size to plus it; the middle one is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from blockscope.figures import colour
from blockscope.figures.arrays import Floats, Pixels

STEPS = 127  # colours on either side of zero
NEUTRAL = (0.33, 0.0, 0.0)  # Oklab: the dark grey of a place without attribution
POSITIVE = (0.90, -0.09, 0.13)  # yellow-green
NEGATIVE = (0.72, 0.12, -0.15)  # violet
"""Ends that stay apart without red or green cones, which see them as yellow and blue; neither is
the orange or the blue that stand for labels."""

FOR, AGAINST = "#5f8a1c", "#8337b4"
"""The same two hues, dark enough for bars on white paper (contrast 4.1 and 6.6)."""
FOR_PALE, AGAINST_PALE = "#a3a89b", "#aaa2b1"
"""The same two, almost grey: what belongs to no group."""
PLAIN = "#85888d"
"""What is neither for nor against."""


@dataclass(frozen=True)
class Palette:
    """A way to colour a map of one number.

    Attributes
    ----------
    words
        What it shows, for readers.
    signed
        Whether numbers below zero have colours of their own.
    table
        (255, rgb).
    """

    words: str
    signed: bool
    table: Pixels

    def paint(self, values: Floats, full: float | None = None) -> Pixels:
        """Colour a map (row, col).

        ``full`` is the size that has the last colour; the map's own largest size where it is None.
        A map without any size is zero everywhere. Raises ``ValueError`` for values not finite.
        """
        array = np.asarray(values, np.float64)
        if not np.isfinite(array).all():
            raise ValueError("a map holds values that are not finite; nothing can be drawn from it")
        size = float(np.abs(array).max(initial=0.0)) if full is None else float(full)
        share = np.clip(array / size, -1, 1) if size > 0 else np.zeros_like(array)
        painted: Pixels = self.table[STEPS + np.rint(share * STEPS).astype(int)]
        return painted


@cache
def palettes() -> Mapping[str, Palette]:
    """Return the palettes by their names; the first one is what figures are drawn with."""
    shares = np.linspace(0, 1, STEPS + 1)[1:, None]
    start, positive, negative = (np.array(end) for end in (NEUTRAL, POSITIVE, NEGATIVE))
    up = colour.oklab_to_rgb8(start + shares * (positive - start))
    down = colour.oklab_to_rgb8(start + shares * (negative - start))
    zero = colour.oklab_to_rgb8(start[None])
    grey = np.rint(np.linspace(0, 255, STEPS + 1))[:, None].repeat(3, axis=1)
    cividis = np.rint(mpl.colormaps["cividis"](np.linspace(0, 1, STEPS + 1))[:, :3] * 255)
    both = np.concatenate([down[::-1], zero, up])
    return {
        "signed": Palette("violet: against, green: for", True, both),
        "cividis": Palette("dark blue: none or against, yellow: for", False, _one_sided(cividis)),
        "grey": Palette("black: none or against, white: for", False, _one_sided(grey)),
    }


def signed_map(values: Floats) -> Pixels:
    """Colour a map (row, col) of one signed number, on a scale of its own, as figures do."""
    return next(iter(palettes().values())).paint(values)


def _one_sided(colours: NDArray[np.floating]) -> Pixels:
    below = np.repeat(colours[:1], STEPS, axis=0)
    return np.concatenate([below, colours]).astype(np.uint8)
