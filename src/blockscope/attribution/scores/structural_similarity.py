"""Structural similarity (SSIM) of maps, after Wang et al.

Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment: from error visibility to structural
similarity" (2004), equation 13, with its window and constants: Gaussian weights of 1.5 positions in
11 x 11, K1 = 0.01, K2 = 0.03.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SIGMA = 1.5  # positions
RADIUS = 5  # positions: a window of 11 x 11
C1, C2 = 0.01**2, 0.03**2  # of values from 0 to 1

Floats = npt.NDArray[np.floating]


def structural_similarity(first: Floats, second: Floats, signed: bool) -> Floats:
    """Return the mean SSIM of maps over their positions, (map).

    The measure is made for grey images from 0 to a largest value; of values below 0 it would call
    opposite ones alike. So a map becomes such an image, from 0 to 1: it is divided by its largest
    absolute value, since gradients of another network may differ in scale, and a signed one is
    halved and shifted, so that no attribution is mid-grey. Beyond the edge a map is continued by
    its mirror image: small ones have a number too.

    Parameters
    ----------
    first
        (map, row, col).
    second
        The maps to compare these with, alike.
    signed
        Whether values may be negative.

    Returns
    -------
    ssim
        At most 1, which equal maps have; NaN where one of both is constant.
    """
    a, b = _as_images(first, signed), _as_images(second, signed)
    mean_a, mean_b = _weighted(a), _weighted(b)
    variances = _weighted(a * a) - mean_a**2 + _weighted(b * b) - mean_b**2
    covariance = _weighted(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    found: Floats = (likeness * (2 * covariance + C2) / (variances + C2)).mean((1, 2))
    return found


def _as_images(maps: Floats, signed: bool) -> Floats:
    """Return maps as grey images from 0 to 1; a constant one becomes NaN."""
    values = np.asarray(maps, np.float64)
    varied = np.ptp(values, axis=(1, 2), keepdims=True) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(varied, values / np.abs(values).max((1, 2), keepdims=True), np.nan)
    return (scaled + 1) / 2 if signed else scaled


def _weighted(maps: Floats) -> Floats:
    """Return the mean of each position's window by Gaussian weights, (map, row, col)."""
    found: Floats = _weights(maps.shape[1]) @ maps @ _weights(maps.shape[2]).T
    return found


def _weights(size: int) -> Floats:
    """Return the weight of every entry of an axis for every position on it."""
    steps = np.arange(-RADIUS, RADIUS + 1)
    gauss = np.exp(-(steps**2) / (2 * SIGMA**2))
    read = (np.arange(size)[:, None] + steps) % (2 * size)  # the axis and its mirror image, again
    read = np.where(read < size, read, 2 * size - 1 - read)
    found = np.zeros((size, size))
    np.add.at(found, (np.arange(size)[:, None], read), gauss / gauss.sum())
    return found
