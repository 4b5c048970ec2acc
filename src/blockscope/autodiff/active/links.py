"""The rules of operations between the units that count: tangents (unit, entry) to tangents."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from blockscope.autodiff.active.owned import Owned, dense, gathered
from blockscope.autodiff.active.rules import Convolved, Indexes, Moved
from blockscope.autodiff.active.summed import SummedConvolution
from blockscope.autodiff.active.support import Support

Array = npt.NDArray[Any]

# Positions, or units, that a thread takes at a time.
POSITIONS_AT_ONCE = 4
UNITS_AT_ONCE = 512


class Out(NamedTuple):
    """Where tangents are written: an array (unit, entry), and what of it.

    ``rows``: the first row of each position's units, (position); None for all that is made.
    """

    array: Array
    rows: Indexes | None


class MovedLinks:
    """``Moved`` of all inputs of an operation, between the units that count.

    Attributes
    ----------
    parts
        For each input: the rows of units of it, the rows that they go to, their factors, and how
        many units of the input count.
    copies
        Whether each unit of the output is one of an input.
    passes
        Whether the output is the input, in its order.
    """

    parts: list[tuple[Indexes, Indexes, Array | None, int]]
    copies: bool
    passes: bool

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
        self.parts = []
        for moved, source in parts:
            kept = source.mask.ravel()[moved.source] & goal.mask.ravel()[moved.goal]
            if moved.factor is not None:
                kept &= moved.factor != 0
            rows, goals = source.row[moved.source[kept]], goal.row[moved.goal[kept]]
            factor = None if moved.factor is None else moved.factor[kept]
            if factor is not None and (factor == 1).all():
                factor = None
            self.parts.append((rows, goals, factor, len(source.units)))
        met = np.concatenate([goals for _, goals, _, _ in self.parts])
        # Each unit is one of an input: it is copied. Otherwise sums are taken.
        times = np.bincount(met, minlength=self._count)
        self.copies = len(met) == self._count and bool((times == 1).all())
        self.copies &= all(factor is None for _, _, factor, _ in self.parts)
        rows, goals, _, length = self.parts[0]
        one = self.copies and len(self.parts) == 1 and length == self._count
        self.passes = one and np.array_equal(rows, goals)

    def __len__(self) -> int:
        """Return how many units of the output count."""
        return self._count

    @property
    def joins(self) -> bool:
        """Whether the output is copied together."""
        return self.copies and not self.passes

    def some(self, inputs: Sequence[int]) -> MovedLinks:
        """Return the part of some of the inputs."""
        found = copy.copy(self)
        found.parts = [self.parts[number] for number in inputs]
        return found

    def place(self, number: int, source: Support) -> Indexes | None:
        """Return where the units of each position of an input go: the row of the first.

        None where they do not go to as many rows in their order, each once.
        """
        rows, goals, _, _ = self.parts[number]
        order, every = np.argsort(rows, kind="stable"), np.arange(len(source.units))
        if not np.array_equal(rows[order], every):
            return None
        firsts = np.append(goals[order], 0)[source.begins]  # of no meaning at positions without any
        shifts = np.repeat(firsts - source.begins, source.counts)
        return firsts if np.array_equal(every + shifts, goals[order]) else None

    @property
    def sources(self) -> Indexes | None:
        """Which unit of the input each of the output is; None where all are, or of several."""
        if not self.joins or len(self.parts) > 1:
            return None
        ((rows, goals, _, _),) = self.parts
        return rows[np.argsort(goals)]

    def forward(self, inputs: Sequence[Owned]) -> Owned | None:
        """Return the output; None where one of its units has several owners."""
        parts = [
            (given.at(rows, factor), goals)
            for (rows, goals, factor, _), given in zip(self.parts, inputs, strict=True)
        ]
        return gathered(parts, self._count)

    def backward(self, output: Owned) -> list[Owned | None]:
        """Return what each input leads to; None where one of its units has several owners."""
        return [
            gathered([(output.at(goals, factor), rows)], length)
            for rows, goals, factor, length in self.parts
        ]

    def apply(
        self, given: Sequence[Array | Owned], pool: Executor, outs: Sequence[Out | None]
    ) -> list[Array]:
        """Return the output's tangents, alone, from those of the inputs."""
        inputs = [dense(one) for one in given]
        if self.passes:
            return [inputs[0]]
        dtype, entries = inputs[0].dtype, inputs[0].shape[1]
        if not self.copies:
            total = np.zeros((self._count, entries), dtype)
            for (rows, goals, factor, length), values in zip(self.parts, inputs, strict=True):
                weights = np.ones(len(rows), dtype) if factor is None else factor.astype(dtype)
                shape = (self._count, length)
                total += sparse.csr_array((weights, (goals, rows)), shape=shape) @ values
            return [total]
        (out,) = outs
        found = np.empty((self._count, entries), dtype) if out is None else out.array
        for (rows, goals, _, _), values in zip(self.parts, inputs, strict=True):
            starts = range(0, len(rows), UNITS_AT_ONCE)
            list(pool.map(partial(_copy, values, rows, goals, found), starts))
        return [found]


def _copy(values: Array, rows: Indexes, goals: Indexes, found: Array, start: int) -> None:
    part = slice(start, start + UNITS_AT_ONCE)
    found[goals[part]] = values[rows[part]]


class ConvolvedLinks:
    """``Convolved`` rules that read the same positions of one input, between the units that count.

    Their products have one factor in common, and are taken as one.

    Attributes
    ----------
    goals
        The units that count of each output.
    copied_from
        Rows of the tensor that is read, (unit of the input), where the input is a copy of it.
    """

    goals: Sequence[Support]
    copied_from: Indexes | None

    def __init__(
        self, rules: Sequence[Convolved], source: Support, goals: Sequence[Support]
    ) -> None:
        """Group the positions that each position of the outputs reads."""
        first = rules[0]
        self._source, self.goals, self._channels = source, goals, first.weights.shape[1]
        weights = np.concatenate([rule.weights for rule in rules], 2)
        self._rule, self._taps = first, weights
        self._weights = weights.reshape(-1, weights.shape[2])
        self._wanted = Support(np.concatenate([goal.mask for goal in goals], 1))
        order = np.argsort(first.goal, kind="stable")
        bounds = np.searchsorted(first.goal[order], np.arange(1, len(self._wanted.mask)))
        self._reads = np.split(first.source[order], bounds), np.split(first.tap[order], bounds)
        self._runs = _runs(source, first.source[order], first.goal[order], len(self._wanted.mask))
        self.copied_from = None
        read, made = source.mask.sum(1), self._wanted.mask.sum(1)
        self.positions = int((made > 0).sum())
        # Those of one tangent, and as many weights are looked up for all of them.
        self.multiplications = int((read[first.source] * made[first.goal]).sum())

    def summed(self, outputs: Sequence[Owned]) -> SummedConvolution | None:
        """Return sums of the outputs' units as those of the input; None where it is more work.

        Or where units of one channel belong to several sums.
        """
        shapes = [goal.mask.shape for goal in self.goals]
        values = [np.zeros(shape, outputs[0].values.dtype) for shape in shapes]
        owners = [np.full(shape, -1) for shape in shapes]
        for goal, given, value, owner in zip(self.goals, outputs, values, owners, strict=True):
            value[goal.mask], owner[goal.mask] = given.values, given.owner
        of_unit = np.concatenate(owners, 1)
        of_channel = of_unit.max(0)
        (channels,) = np.nonzero(of_channel >= 0)
        more = len(channels) * len(self._source.units) >= self.multiplications
        if more or ((of_unit >= 0) & (of_unit != of_channel)).any():
            return None
        coefficients, weights = np.concatenate(values, 1)[:, channels], self._taps[:, :, channels]
        owner = of_channel[channels]
        return SummedConvolution(self._rule, self._source, weights, coefficients, owner)

    def of_copies(self, moved: MovedLinks) -> ConvolvedLinks | None:
        """Return this for the tensor that the input copies; None where each is read repeatedly."""
        sources = moved.sources
        if len(self._taps) > 1 or sources is None:
            return None
        found = copy.copy(self)
        found.copied_from = sources
        return found

    def apply(
        self, given: Sequence[Array | Owned], pool: Executor, outs: Sequence[Out | None]
    ) -> list[Array]:
        """Return the outputs' tangents from those of the input, or what they are written in."""
        (values,) = given
        if isinstance(values, Owned) and self.copied_from is not None:
            values = values.at(self.copied_from, None)
        entries = values.entries if isinstance(values, Owned) else values.shape[1]
        dtype = values.values.dtype if isinstance(values, Owned) else values.dtype
        found, firsts = [], []
        for goal, out in zip(self.goals, outs, strict=True):
            array = np.empty((len(goal.units), entries), dtype) if out is None else out.array
            found.append(array)
            firsts.append(goal.begins if out is None or out.rows is None else out.rows)
        count = len(self._wanted.mask)

        def some(start: int) -> None:
            for position in range(start, min(start + POSITIONS_AT_ONCE, count)):
                results = [
                    array[first[position] : first[position] + goal.counts[position]]
                    for array, first, goal in zip(found, firsts, self.goals, strict=True)
                ]
                if not len(self._wanted.channels[position]):
                    continue
                if isinstance(values, Owned):
                    self._scatter(position, values, results)
                else:
                    self._multiply(position, values, results)

        list(pool.map(some, range(0, count, POSITIONS_AT_ONCE)))
        return found

    def _multiply(self, position: int, values: Array, results: Sequence[Array]) -> None:
        """Compute the tangents at a position of the outputs: ``results``, which are filled."""
        source, wanted = self._source, self._wanted.channels[position]
        read, taps = self._reads[0][position], self._reads[1][position]
        runs = self._runs[position]
        if not runs:
            for result in results:
                result[:] = 0
            return
        channels = [source.channel[run] for run in runs]
        rows = channels[0] if len(runs) == 1 else np.concatenate(channels)
        matrix = self._weights.take(rows + np.repeat(taps * self._channels, source.counts[read]), 0)
        if len(wanted) < matrix.shape[1]:
            matrix = matrix.take(wanted, 1)
        if self.copied_from is None:
            below = [values[run] for run in runs]
        else:
            below = [values.take(self.copied_from[run], 0) for run in runs]
        stacked = below[0] if len(runs) == 1 else np.concatenate(below)
        start = 0
        for result in results:
            np.matmul(matrix[:, start : start + len(result)].T, stacked, out=result)
            start += len(result)

    def _scatter(self, position: int, values: Owned, results: Sequence[Array]) -> None:
        """Compute the same where each unit read has a tangent in one entry alone."""
        source, wanted = self._source, self._wanted.channels[position]
        product = np.zeros((values.entries, len(wanted)), values.values.dtype)
        read, taps = self._reads[0][position], self._reads[1][position]
        for place, tap in zip(read, taps, strict=True):
            rows = source.rows_at(place)
            owner = values.owner[rows]
            (moved,) = np.nonzero(owner >= 0)
            matrix = self._weights.take(source.channels[place][moved] + tap * self._channels, 0)
            parts = matrix.take(wanted, 1) * values.values[rows][moved, None]
            if len(np.unique(owner[moved])) == len(moved):
                product[owner[moved]] += parts
            else:
                np.add.at(product, owner[moved], parts)
        _share_out(product.T, results)


def _runs(source: Support, read: Indexes, goal: Indexes, count: int) -> list[list[slice]]:
    """Return where the units come that each of ``count`` goals reads, those of neighbours as one.

    ``goal``: sorted, of each position that is read.
    """
    some = source.counts[read] > 0
    goal, begins, ends = goal[some], source.begins[read[some]], source.ends[read[some]]
    apart = (np.diff(goal, prepend=-1) > 0) | (begins != np.append(-1, ends[:-1]))
    (first,) = np.nonzero(apart)
    stops = ends[np.append(first[1:], len(goal)) - 1] if len(goal) else ends
    found: list[list[slice]] = [[] for _ in range(count)]
    for at, start, stop in zip(
        *map(np.ndarray.tolist, (goal[first], begins[first], stops)), strict=True
    ):
        found[at].append(slice(start, stop))
    return found


def _share_out(product: Array, results: Sequence[Array]) -> None:
    start = 0
    for result in results:
        result[:] = product[start : start + len(result)]
        start += len(result)


Links = MovedLinks | ConvolvedLinks
