"""Counts of values in bins that are the same for every network and data set.

Four bins an octave from ``2**FIRST`` to ``2**LAST``, for either sign; one for exactly zero; what is
smaller or larger shares one each. The edges are numbers whose bits say the bin.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FIRST, LAST = -10, 12  # octaves; the activations of most networks lie between
_PER_SIGN: Final = 4 * (LAST - FIRST) + 2
BINS: Final = 2 * _PER_SIGN + 1
ZERO: Final = _PER_SIGN
_SHIFT: Final = 21  # leaves the sign, eight bits of the exponent and two of the mantissa
_FIRST_KEY: Final = (127 + FIRST) * 4


def edges() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return where each bin begins and ends, ascending; both are 0 for that of exactly zero."""
    steps = np.arange(4 * (LAST - FIRST) + 1)
    inner = np.float32(2.0 ** (FIRST + steps // 4) * (1 + steps % 4 / 4))
    upper = np.concatenate([[0], inner, [np.inf]]).astype(np.float32)
    low = np.concatenate([-upper[:0:-1], [0], upper[:-1]])
    high = np.concatenate([-upper[-2::-1], [0], upper[1:]])
    return low.astype(np.float32), high.astype(np.float32) + 0  # no negative zero


def _bins_of_keys() -> npt.NDArray[np.int32]:
    key = np.arange(2**10)
    size = np.clip(key - _FIRST_KEY + 1, 0, _PER_SIGN - 1)
    return np.concatenate([ZERO + 1 + size, ZERO - 1 - size]).astype(np.int32)


_BIN: Final = _bins_of_keys()


def count(values: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return counts (unit, bin) of finite values (position, unit)."""
    positions, units = values.shape
    flat = np.ascontiguousarray(values).reshape(-1)
    # Most outputs of a ReLU are zero, and need not be looked up. np.nonzero over two axes and the
    # rest of a division take several times as long as a comparison and a table.
    places = np.flatnonzero(flat != 0)
    firsts = np.tile(np.arange(units, dtype=np.int32) * BINS, positions)
    bins = _BIN[flat[places].view(np.uint32) >> _SHIFT] + firsts[places]
    counts = np.bincount(bins, minlength=units * BINS).reshape(units, BINS)
    counts[:, ZERO] = positions - counts.sum(axis=1)
    return counts
