"""The rules of operations between the units that count: tangents (unit, entry) to tangents."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from blockscope.autodiff.active.rules import Convolved, Indexes, Moved
from blockscope.autodiff.active.support import Support

Array = npt.NDArray[Any]

# Positions, or units, that a thread takes at a time.
POSITIONS_AT_ONCE = 4
UNITS_AT_ONCE = 512


class MovedLinks:
    """``Moved`` of all inputs of an operation, between the units that count."""

    def __init__(self, parts: Sequence[tuple[Moved, Support]], goal: Support) -> None:
        """Keep the pairs of which both units count and whose factor is not zero.

        Parameters
        ----------
        parts
            The rule of each input that moves, and the units of it that count.
        goal
            The units of the output that count.
        """
        self._count = len(goal.units)
        self._parts = []
        for moved, source in parts:
            kept = source.mask.ravel()[moved.source] & goal.mask.ravel()[moved.goal]
            if moved.factor is not None:
                kept &= moved.factor != 0
            rows, goals = source.row[moved.source[kept]], goal.row[moved.goal[kept]]
            factor = None if moved.factor is None else moved.factor[kept]
            if factor is not None and (factor == 1).all():
                factor = None
            self._parts.append((rows, goals, factor, len(source.units)))
        met = np.concatenate([goals for _, goals, _, _ in self._parts])
        # Each unit is one of an input: it is copied. Otherwise sums are taken.
        times = np.bincount(met, minlength=self._count)
        self._copied = len(met) == self._count and bool((times == 1).all())
        self._copied &= all(factor is None for _, _, factor, _ in self._parts)
        rows, goals, _, length = self._parts[0]
        one = self._copied and len(self._parts) == 1 and length == self._count
        self._passes = one and np.array_equal(rows, goals)

    def apply(self, inputs: Sequence[Array], pool: Executor) -> list[Array]:
        """Return the output's tangents, alone, from those of the inputs."""
        if self._passes:
            return [inputs[0]]
        dtype, entries = inputs[0].dtype, inputs[0].shape[1]
        if not self._copied:
            total = np.zeros((self._count, entries), dtype)
            for (rows, goals, factor, length), values in zip(self._parts, inputs, strict=True):
                weights = np.ones(len(rows), dtype) if factor is None else factor.astype(dtype)
                shape = (self._count, length)
                total += sparse.csr_array((weights, (goals, rows)), shape=shape) @ values
            return [total]
        found = np.empty((self._count, entries), dtype)
        for (rows, goals, _, _), values in zip(self._parts, inputs, strict=True):
            starts = range(0, len(rows), UNITS_AT_ONCE)
            list(pool.map(partial(_copy, values, rows, goals, found), starts))
        return [found]


def _copy(values: Array, rows: Indexes, goals: Indexes, found: Array, start: int) -> None:
    part = slice(start, start + UNITS_AT_ONCE)
    found[goals[part]] = values[rows[part]]


class ConvolvedLinks:
    """``Convolved`` rules that read the same positions of one input, between the units that count.

    Their products have one factor in common, and are taken as one.
    """

    def __init__(
        self, rules: Sequence[Convolved], source: Support, goals: Sequence[Support]
    ) -> None:
        """Group the positions that each position of the outputs reads."""
        first = rules[0]
        self._source, self._goals, self._channels = source, goals, first.weights.shape[1]
        weights = np.concatenate([rule.weights for rule in rules], 2)
        self._weights = weights.reshape(-1, weights.shape[2])
        self._wanted = Support(np.concatenate([goal.mask for goal in goals], 1))
        order = np.argsort(first.goal, kind="stable")
        bounds = np.searchsorted(first.goal[order], np.arange(1, len(self._wanted.mask)))
        self._reads = np.split(first.source[order], bounds), np.split(first.tap[order], bounds)
        read, made = source.mask.sum(1), self._wanted.mask.sum(1)
        self.positions = int((made > 0).sum())
        # Those of one tangent, and as many weights are looked up for all of them.
        self.multiplications = int((read[first.source] * made[first.goal]).sum())

    def apply(self, inputs: Sequence[Array], pool: Executor) -> list[Array]:
        """Return the outputs' tangents from those of the input."""
        (values,) = inputs
        entries = values.shape[1]
        found = [np.empty((len(goal.units), entries), values.dtype) for goal in self._goals]
        count = len(self._wanted.mask)

        def some(start: int) -> None:
            for position in range(start, min(start + POSITIONS_AT_ONCE, count)):
                rows = [goal.rows_at(position) for goal in self._goals]
                results = [each[one] for each, one in zip(found, rows, strict=True)]
                if len(self._wanted.channels[position]):
                    self._multiply(position, values, results)

        list(pool.map(some, range(0, count, POSITIONS_AT_ONCE)))
        return found

    def _multiply(self, position: int, values: Array, results: Sequence[Array]) -> None:
        """Compute the tangents at a position of the outputs: ``results``, which are filled."""
        source, wanted = self._source, self._wanted.channels[position]
        read, taps = self._reads[0][position], self._reads[1][position]
        rows = [source.channels[p] + t * self._channels for p, t in zip(read, taps, strict=True)]
        if not sum(map(len, rows)):
            for result in results:
                result[:] = 0
            return
        matrix = self._weights.take(rows[0] if len(rows) == 1 else np.concatenate(rows), 0)
        if len(wanted) < matrix.shape[1]:
            matrix = matrix.take(wanted, 1)
        below = [values[source.rows_at(p)] for p in read]
        stacked = below[0] if len(below) == 1 else np.concatenate(below)
        if len(results) == 1:
            np.matmul(matrix.T, stacked, out=results[0])
            return
        product = matrix.T @ stacked
        start = 0
        for result in results:
            result[:] = product[start : start + len(result)]
            start += len(result)


Links = MovedLinks | ConvolvedLinks
