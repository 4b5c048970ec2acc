"""Sums over a convolution's outputs as products with its input, its kernel's cells added up."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from blockscope.autodiff.active.rules import Convolved, Indexes
from blockscope.autodiff.active.support import Support

Array = npt.NDArray[Any]

# Numbers of the input's units that a thread has at a time; they decide the last bits of sums, and
# so do not follow the memory that is allowed.
CHANNELS_AT_ONCE, BYTES_AT_ONCE = 64, 1 << 24


@dataclass(frozen=True, eq=False)
class SummedConvolution:
    """For channels of a convolution's outputs, a weighted sum over their positions.

    Attributes
    ----------
    rule
        How positions are read.
    source
        The units of the input that count.
    weights
        Those of the channels, (tap, channel of the input, channel).
    coefficients
        Weights of the sum, (position, channel); 0 where a unit does not count.
    owner
        The number of each channel's sum, (channel); sums of one number are added.
    """

    rule: Convolved
    source: Support
    weights: Array
    coefficients: Array
    owner: Indexes

    def add_to(self, total: Array, values: Array, pool: Executor) -> None:
        """Add the sums to ``total``, (number, entry), for the input's tangents (unit, entry)."""
        found = np.empty((len(self.owner), values.shape[1]), values.dtype)
        size = max(len(values) * values.itemsize, 1)
        length = int(np.clip(BYTES_AT_ONCE // size, 1, CHANNELS_AT_ONCE))

        def some(start: int) -> None:
            part = slice(start, start + length)
            np.matmul(self._kernels(range(*part.indices(len(found)))), values, out=found[part])

        list(pool.map(some, range(0, len(found), length)))
        np.add.at(total, self.owner, found)

    def _kernels(self, channels: range) -> Array:
        """Return what each unit of the input adds to the sums, (channel, unit)."""
        rule, mask = self.rule, self.source.mask
        found = np.empty((len(channels), len(self.source.units)), self.weights.dtype)
        read = np.zeros((len(mask), len(self.weights)), self.weights.dtype)
        for row, channel in zip(found, channels, strict=True):
            read[rule.source, rule.tap] = self.coefficients[rule.goal, channel]
            row[:] = (read @ self.weights[:, :, channel])[mask]
        return found
