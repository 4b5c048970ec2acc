"""Which units of a tensor count: a tangent can reach them, and the target responds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from blockscope.autodiff.active.rules import Convolved, Indexes, Rule

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Support:
    """The units of a tensor that count, of ``mask`` (position, channel), in that order."""

    mask: Mask

    @cached_property
    def units(self) -> Indexes:
        """Their numbers, position * channels + channel."""
        return np.flatnonzero(self.mask)

    @cached_property
    def channel(self) -> Indexes:
        """That of each unit."""
        return self.units % self.mask.shape[1]

    @cached_property
    def channels(self) -> list[Indexes]:
        """Those of each position."""
        _, channels = np.nonzero(self.mask)
        return np.split(channels, self.ends[:-1])

    @cached_property
    def ends(self) -> Indexes:
        """How many there are up to each position, it included."""
        return np.cumsum(self.counts)

    @cached_property
    def counts(self) -> Indexes:
        """How many there are at each position."""
        return self.mask.sum(1)

    @cached_property
    def begins(self) -> Indexes:
        """Where the units of each position begin among those that count."""
        return self.ends - self.counts

    @cached_property
    def row(self) -> Indexes:
        """Where each unit comes among those that count, by its number."""
        return np.cumsum(self.mask.ravel()) - 1

    def rows_at(self, position: int) -> slice:
        """Return where the units of a position come among those that count."""
        return slice(int(self.begins[position]), int(self.ends[position]))


def find_supports(
    shapes: Mapping[str, tuple[int, int]],
    ops: Sequence[tuple[str, Sequence[str], Rule | None]],
    reached: Mapping[str, Mask],
    ends: Sequence[str],
) -> dict[str, Support]:
    """Return the units that count of every tensor that has a rule or is read by one.

    Parameters
    ----------
    shapes
        Positions and channels of tensors, by their names.
    ops
        In order: the tensor that an operation makes, those that it reads, its rule. What one
        without a rule makes may be reached anywhere.
    reached
        Units of the first tensors that tangents may have.
    ends
        Tensors all of whose units count.

    Returns
    -------
    supports
        By the tensors' names.
    """
    possible = dict(reached)
    for name, edges, rule in ops:
        if name in shapes:
            possible[name] = np.full(shapes[name], rule is None)
            if rule is not None:
                _spread(rule, edges, possible, name, forward=True)
    needed = {name: np.full(shape, name in ends) for name, shape in shapes.items()}
    for name, edges, rule in reversed(ops):
        if rule is not None:
            _spread(rule, edges, needed, name, forward=False)
    return {name: Support(possible[name] & needed[name]) for name in shapes}


def _spread(
    rule: Rule, edges: Sequence[str], masks: Mapping[str, Mask], name: str, forward: bool
) -> None:
    """Mark the units of the output that an operation leads to, or of its inputs, backward."""
    if isinstance(rule, Convolved):
        here, there = (edges[0], name) if forward else (name, edges[0])
        near, far = (rule.source, rule.goal) if forward else (rule.goal, rule.source)
        met = np.any(masks[here], axis=1)[near]
        masks[there][far[met]] = True
        return
    for moved in rule:
        edge = edges[moved.number]
        here, there = (edge, name) if forward else (name, edge)
        near, far = (moved.source, moved.goal) if forward else (moved.goal, moved.source)
        met = masks[here].ravel()[near]
        if moved.factor is not None:
            met &= moved.factor != 0
        np.put(masks[there], far[met], True)
