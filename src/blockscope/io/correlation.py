"""Correlation of rows of numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.floating]


def correlation(first: Floats, second: Floats) -> Floats:
    """Return Pearson's correlation of each row, (row); NaN where one of both is constant."""
    a, b = (np.asarray(x, np.float64) for x in (first, second))
    varied = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
    a, b = (x - x.mean(1, keepdims=True) for x in (a, b))
    sizes = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(varied & (sizes > 0), (a * b).sum(1) / sizes, np.nan)


def rank_correlation(first: Floats, second: Floats) -> Floats:
    """Return Spearman's correlation of each row, (row); ties have the mean of their ranks."""
    ranks = (pd.DataFrame(x).rank(axis=1).to_numpy() for x in (first, second))
    return correlation(*ranks)
