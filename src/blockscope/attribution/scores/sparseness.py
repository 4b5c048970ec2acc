"""Sparseness: whether few positions hold all of a map, or all hold the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.attribution.finite import check_finite

Floats = npt.NDArray[np.floating]


def gini(maps: Floats) -> Floats:
    """Return the Gini index of the sizes in maps (..., row, col).

    With sizes v in ascending order and N positions, ``sum of (2 k - N - 1) v_k / (N sum v)``, k
    from 1: 0 where all are equal, 1 - 1/N where one holds everything, NaN where all are zero.
    Source: Chalasani et al. 2020 (Hurley and Rickard 2009).
    """
    check_finite("map", maps)
    sizes = np.sort(np.abs(maps.astype(np.float64)).reshape(*maps.shape[:-2], -1), axis=-1)
    count = sizes.shape[-1]
    weighted = sizes @ (2 * np.arange(1, count + 1) - count - 1)
    total = count * sizes.sum(-1)
    return np.divide(weighted, total, out=np.full_like(total, np.nan), where=total > 0)
