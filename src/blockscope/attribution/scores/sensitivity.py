"""Max-sensitivity: how much a map changes where what it explains hardly does (Yeh et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

RADIUS = 0.1  # of the root mean square of the values
SAMPLES = 5


def max_sensitivity(
    explain: Callable[[Floats], Floats],
    value: Floats,
    seed: int,
    radius: float = RADIUS,
    samples: int = SAMPLES,
) -> Floats:
    """Return the largest relative change of maps under noise.

    ``max over y of |map(y) - map(x)| / |map(x)|`` with Euclidean norms; y is x plus noise, uniform
    between plus and minus ``radius`` times the root mean square of x. Captum: ``sensitivity_max``,
    which takes the radius as it is. NaN for maps of zeros.

    Parameters
    ----------
    explain
        From points (batch, ...) to their maps (..., batch, row, col).
    value
        The point x that is explained.
    seed
        Of the noise.
    radius
        How large the noise is.
    samples
        How many points y are tried.

    Returns
    -------
    change
        The leading axes of the maps.
    """
    width = radius * np.sqrt(np.mean(value.astype(np.float64) ** 2))
    noise = np.random.default_rng(seed).uniform(-width, width, (samples, *value.shape))
    points = np.concatenate([value[None], (value + noise).astype(value.dtype)])
    found = explain(points).astype(np.float64)
    at, near = found[..., :1, :, :], found[..., 1:, :, :]
    apart = np.linalg.norm(near - at, axis=(-2, -1)).max(-1)
    size = np.linalg.norm(at[..., 0, :, :], axis=(-2, -1))
    return np.divide(apart, size, out=np.full_like(size, np.nan), where=size > 0)
