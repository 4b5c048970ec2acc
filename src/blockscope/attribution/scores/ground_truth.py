"""Scores against a mask: whether a map points at the object of its label.

Maps and masks have one value per pixel. Where values tie, an order is drawn by lot in the
literature's code; here a tie counts as the mean over all orders, so that a constant map scores
what chance gives.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from blockscope.attribution.finite import check_finite
from blockscope.io.masks import Mask

Floats = npt.NDArray[np.floating]


def pointing_game(pixels: Floats, inside: Mask) -> float:
    """Return 1 where the strongest pixel is inside the mask, else 0 (Zhang et al. 2018).

    Without their tolerance of 15 pixels. Several strongest pixels: the share of them inside.
    """
    _check(pixels, inside)
    return float(inside[pixels == pixels.max()].mean())


def mass_accuracy(pixels: Floats, inside: Mask) -> float:
    """Return the share of the positive values that is inside the mask (Arras et al. 2022).

    NaN where nothing is positive.
    """
    _check(pixels, inside)
    positive = np.maximum(pixels.astype(np.float64), 0)
    total = positive.sum()
    return float(positive[inside].sum() / total) if total > 0 else float("nan")


def rank_accuracy(pixels: Floats, inside: Mask) -> float:
    """Return the share of the K strongest pixels that are inside a mask of K (Arras et al. 2022).

    Pixels that tie at the end of the K count by the share of them that fits.
    """
    _check(pixels, inside)
    size = int(inside.sum())
    last = np.sort(pixels, axis=None)[-size]
    above, tied = pixels > last, pixels == last
    left = size - above.sum()
    return float((inside[above].sum() + left * inside[tied].mean()) / size)


def average_precision(pixels: Floats, inside: Mask) -> float:
    """Return the area under precision against recall, of pixels ranked by the map.

    scikit-learn's ``average_precision_score``: the mean precision at each step of recall.
    """
    _check(pixels, inside)
    return float(average_precision_score(inside.ravel(), pixels.ravel()))


def _check(pixels: Floats, inside: Mask) -> None:
    check_finite("map", pixels)
    if inside.dtype != bool:  # numbers would be read as places
        raise ValueError(f"a mask is of {inside.dtype}, expected bool: whether a pixel is inside")
    if pixels.shape != inside.shape:
        raise ValueError(f"a map of {pixels.shape} pixels has a mask of {inside.shape}")
    if not inside.any():
        raise ValueError("a mask has no pixel; nothing can be scored by it")
