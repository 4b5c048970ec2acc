"""Scores against a mask: whether a map points at the object of its label.

Maps and masks have one value per pixel. Where values tie, an order is drawn by lot in the
literature's code; here a tie counts as the mean over all orders, so that a constant map scores
what an order by lot gives.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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

    The mean precision at each pixel of the mask: without ties scikit-learn's
    ``average_precision_score``, which takes pixels that tie in one step, where here they count as
    the mean over all their orders.
    """
    _check(pixels, inside)
    _, group = np.unique(-pixels.ravel(), return_inverse=True)  # the strongest first
    sizes, hits = np.bincount(group), np.bincount(group, inside.ravel())
    before, hit_before = np.cumsum(sizes) - sizes, np.cumsum(hits) - hits
    of_pixel = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(group)) - before[of_pixel]  # within its tie, from 0
    n, k = sizes[of_pixel], hits[of_pixel]
    # At each place of a tie a hit has the chance k / n, and so many others of it stand before.
    others = place * (k - 1) / np.maximum(n - 1, 1)
    precision = (hit_before[of_pixel] + 1 + others) / (before[of_pixel] + 1 + place)
    return float((k / n * precision).sum() / hits.sum())


def _check(pixels: Floats, inside: Mask) -> None:
    check_finite("map", pixels)
    if inside.dtype != bool:  # numbers would be read as places
        raise ValueError(f"a mask is of {inside.dtype}, expected bool: whether a pixel is inside")
    if pixels.shape != inside.shape:
        raise ValueError(f"a map of {pixels.shape} pixels has a mask of {inside.shape}")
    if not inside.any():
        raise ValueError("a mask has no pixel; nothing can be scored by it")
