"""The steps of a product with a Jacobian in their order, and the memory that they take."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from blockscope.autodiff.active.links import Links, Out
from blockscope.autodiff.active.owned import Owned, dense
from blockscope.autodiff.active.rules import Indexes
from blockscope.autodiff.active.support import Support

Array = npt.NDArray[Any]


class Place(NamedTuple):
    """Where the units of a tensor come in a larger one: its name, length and rows.

    ``rows``: the first of each position's units, (position); None for the larger one itself.
    """

    whole: str
    length: int
    rows: Indexes | None = None


class Step(NamedTuple):
    """Tensors that are made, those that are read, and how they follow.

    ``into``: the places of those that are made as part of others.
    """

    makes: list[str]
    reads: list[str]
    links: Links
    into: Mapping[str, Place] = {}

    @property
    def alive(self) -> list[str]:
        """Names of the tensors that are there after it: those made, or what they are part of."""
        return [self.into[name].whole if name in self.into else name for name in self.makes]


def follow(
    steps: Sequence[Step],
    start: Mapping[str, Array | Owned],
    kept: Collection[str],
    pool: Executor,
) -> dict[str, Array | Owned]:
    """Return the tangents, (unit, entry), that are kept of those that steps make in order."""
    live, last = dict(start), _last_reads(steps)
    for number, step in enumerate(steps):
        given = [live[edge] for edge in step.reads]
        first = given[0]
        values, entries = first[::2] if isinstance(first, Owned) else (first, first.shape[1])
        outs = []
        for name in step.makes:
            place = step.into.get(name)
            if place is not None and place.whole not in live:
                live[place.whole] = np.empty((place.length, entries), values.dtype)
            outs.append(None if place is None else Out(dense(live[place.whole]), place.rows))
        found = step.links.apply(given, pool, outs)
        live |= dict(zip(step.alive, found, strict=True))
        for edge in set(step.reads):
            if last[edge] == number and edge not in kept:
                del live[edge]  # memory is bounded by what is alive at once
    return live


def units_at_peak(
    steps: Sequence[Step],
    supports: Mapping[str, Support],
    given: Sequence[str],
    kept: Sequence[str],
) -> int:
    """Return the most units alive at once in ``follow``, without starts that are not ``given``."""
    last, size = _last_reads(steps), {name: len(supports[name].units) for name in given}
    peak = sum(size.values())
    for number, step in enumerate(steps):
        size |= {name: len(supports[name].units) for name in step.alive}
        peak = max(peak, sum(size.values()))
        for edge in set(step.reads):
            if last[edge] == number and edge not in kept:
                size.pop(edge, None)
    return peak


def _last_reads(steps: Sequence[Step]) -> dict[str, int]:
    return {edge: number for number, step in enumerate(steps) for edge in step.reads}


@contextmanager
def threads() -> Iterator[Executor]:
    """Give threads, as many as libraries may take where that is one number; BLAS takes none."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    count = int(allowed) if allowed.isdecimal() and int(allowed) else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(count) as pool:
        yield pool
