"""Tangents of many entries of which each unit is moved by one entry alone.

The activations of one channel move no unit of another, nor do those of its poolings; a column of
numbers holds what all channels' tangents do there. In reverse, the same holds of units that lead to
one channel of the target alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from blockscope.autodiff.active.rules import Indexes

Array = npt.NDArray[Any]


class Owned(NamedTuple):
    """A number for each unit, and the entry that it is of.

    Attributes
    ----------
    values
        The unit's tangent in its owner's entry, (unit); it is 0 in all others.
    owner
        (unit), the number of an entry; -1 where no entry moves the unit.
    entries
        How many there are.
    """

    values: Array
    owner: Indexes
    entries: int

    def at(self, units: Indexes, factor: Array | None) -> Owned:
        """Return some units, in that order, times a factor of each."""
        values = self.values[units]
        return self._replace(
            values=values if factor is None else values * factor.astype(values.dtype),
            owner=self.owner[units],
        )

    def of(self, entries: Indexes, length: int) -> Owned:
        """Return some entries, each at most once, as the first of ``length``."""
        place = np.full(self.entries + 1, -1)  # the last is for units without an owner
        place[entries] = np.arange(len(entries))
        return Owned(self.values, place[self.owner], length)

    def plus(self, other: Owned) -> Owned | None:
        """Return the sum with another; None where a unit has two owners."""
        every = np.arange(len(self.values))
        return gathered([(self, every), (other, every)], len(self.values))


def dense(tangents: Array | Owned) -> Array:
    """Return the tangents of all entries, (unit, entry)."""
    if not isinstance(tangents, Owned):
        return tangents
    values, owner, entries = tangents
    found = np.zeros((len(values), entries), values.dtype)
    (moved,) = np.nonzero(owner >= 0)
    found[moved, owner[moved]] = values[moved]
    return found


def gathered(parts: Sequence[tuple[Owned, Indexes]], length: int) -> Owned | None:
    """Add up units that go to others, each of these from one owner alone.

    Parameters
    ----------
    parts
        Units, and where each of them goes, (unit).
    length
        How many units there are to go to.

    Returns
    -------
    sums
        Of those units, (length); None where one has several owners.
    """
    owner = np.full(length, -1)
    dtype = parts[0][0].values.dtype
    total = np.zeros(length, dtype)
    for given, goals in parts:
        moved = given.owner >= 0
        owner[goals[moved]] = given.owner[moved]
        sums = np.bincount(goals[moved], given.values[moved], length)
        total += sums.astype(dtype)
    for given, goals in parts:
        moved = given.owner >= 0
        if (owner[goals[moved]] != given.owner[moved]).any():
            return None
    return Owned(total, owner, parts[0][0].entries)
