"""Infidelity: how far a map is from saying what a score loses without several positions.

Yeh et al. 2019, with the perturbations of their square removal: random sets of positions are set to
zero. Captum: ``infidelity`` with ``normalize=True``, for attributions that multiply by the input.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.attribution.finite import check_finite

Floats = npt.NDArray[np.floating]

SETS = 64


def random_sets(size: tuple[int, int], count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return ``count`` sets of positions, (set, row, col): each position is in with chance 1/2."""
    return np.random.default_rng(seed).random((count, *size)) < 0.5


def infidelity(maps: Floats, sets: npt.NDArray[np.bool_], losses: Floats) -> Floats:
    """Return the mean squared error of a map's sums over sets, in units of the score squared.

    Each map is first scaled by the factor that suits it best, as maps need not be in units of the
    score: ``b = mean(sum * loss) / mean(sum^2)``, then ``mean((b * sum - loss)^2)``. A map of zeros
    has the mean squared loss.

    Parameters
    ----------
    maps
        (..., label, row, col).
    sets
        Positions that are set to zero, (set, row, col).
    losses
        What each label's score loses by that, (set, label).

    Returns
    -------
    error
        (..., label).
    """
    check_finite("map", maps)
    sums = np.einsum("...rc,src->s...", maps.astype(np.float64), sets.astype(np.float64))
    # Aligned from the last axis on: losses (set, label) beside sums (set, ..., label).
    lost = losses.reshape(len(sets), *[1] * (sums.ndim - 2), losses.shape[-1]).astype(np.float64)
    squares = (sums**2).mean(0)
    products = (sums * lost).mean(0)
    factor = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return ((factor * sums - lost) ** 2).mean(0)
