"""Max-sensitivity: how much a map changes where what it explains hardly does (Yeh et al. 2019)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

RADIUS = 0.1  # of the root mean square of the values
SAMPLES = 5


def noisy_points(
    value: Floats, seed: int, radius: float = RADIUS, samples: int = SAMPLES
) -> Floats:
    """Return points near a value, (sample, ...).

    The noise is uniform between plus and minus ``radius`` times the value's root mean square.
    """
    width = radius * np.sqrt(np.mean(value.astype(np.float64) ** 2))
    noise = np.random.default_rng(seed).uniform(-width, width, (samples, *value.shape))
    return (value + noise).astype(value.dtype)


def max_sensitivity(at: Floats, near: Floats) -> Floats:
    """Return the largest relative change of maps between a value and points near it.

    ``max over y of |map(y) - map(x)| / |map(x)|``, Euclidean norms. Captum: ``sensitivity_max``.
    NaN for a map of zeros.

    Parameters
    ----------
    at
        The maps of the point x that is explained, (..., row, col).
    near
        Those of the points y, (..., sample, row, col).

    Returns
    -------
    change
        The leading axes of the maps.
    """
    at, near = at.astype(np.float64), near.astype(np.float64)
    apart = np.linalg.norm(near - at[..., None, :, :], axis=(-2, -1)).max(-1)
    size = np.linalg.norm(at, axis=(-2, -1))
    return np.divide(apart, size, out=np.full_like(size, np.nan), where=size > 0)
