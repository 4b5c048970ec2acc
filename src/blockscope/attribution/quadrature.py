"""Integrals over t from 0 to 1 of vectors, by a fixed rule or refined to a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# The refinement starts from this many equal intervals, with this many Gauss nodes in each.
INTERVALS = 8
NODES = 2
# Each round halves the intervals that together hold this share of all changes and errors.
SHARE = 0.5
# A sum may be met by chance while the entries are still off; so much is allowed where they differ.
ROUGHEST = 0.01


@dataclass(frozen=True, eq=False)
class Rule:
    """Where a function is looked at, and how much each place counts.

    Nodes that are fractions of ``denominator`` can be rounded as such: see ``left``.
    """

    nodes: Numbers
    weights: Numbers
    denominator: int = 1

    def between(self, start: float, stop: float) -> Rule:
        """Return the rule for another interval."""
        length = stop - start
        return Rule(start + length * self.nodes, length * self.weights)


def left(steps: int) -> Rule:
    """Return the left Riemann sum: 0, 1/steps, ... of equal weights; 1 itself is left out."""
    return Rule(np.arange(steps) / steps, np.full(steps, 1 / steps), steps)


def gauss(steps: int) -> Rule:
    """Return Gauss and Legendre's rule, exact for polynomials of degree ``2 * steps - 1``."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return Rule((nodes + 1) / 2, weights / 2)


@dataclass(frozen=True, eq=False)
class Integral:
    """An integral, (entry), the number of places it took, and the error it may have.

    ``error`` adds the sizes of the intervals' errors in the sum of the entries, which do not cancel
    there, as a share of the sum of the entries' sizes.
    """

    value: Numbers
    steps: int
    error: float


def integrate_to(
    tolerance: float,
    slope: Callable[[Numbers], Numbers],
    height: Callable[[Numbers], Numbers],
    most: int = 512,
) -> Integral:
    """Integrate the gradient of a function along a path, until its sum is as high as the function.

    ``slope`` gives at places (place) the contributions of the entries, (place, entry), whose sum is
    the derivative of ``height`` (place). Those intervals are halved in which the entries
    change most and the sum is most wrong: the one does not see a jump beside the nodes, the other
    not one whose entries cancel. The error of each interval's sum is known,
    not estimated: it ends where the sum of all entries differs from ``height(1) - height(0)`` by
    less than ``tolerance`` of it, and the intervals' errors, none cancelled, are below ``ROUGHEST``
    of all entries' sizes.

    Gradients of networks jump where a unit turns on, and no rule of higher order helps there. Where
    the entries cancel almost, ``most`` places may not be enough for their sum; it then ends there,
    and the sum tells by how much.
    """
    rule = gauss(NODES)
    edges = np.linspace(0, 1, INTERVALS + 1)
    heights = dict(zip(edges.tolist(), height(edges).tolist(), strict=True))
    rise = heights[1.0] - heights[0.0]
    pending = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    parts: dict[tuple[float, float], Numbers] = {}
    changes: dict[tuple[float, float], Numbers] = {}
    steps = 0
    while True:
        rules = [rule.between(*interval) for interval in pending]
        slopes = slope(np.concatenate([r.nodes for r in rules]))
        steps += len(slopes)
        for interval, r, found in zip(pending, rules, np.split(slopes, len(rules)), strict=True):
            parts[interval] = r.weights @ found
            changes[interval] = (interval[1] - interval[0]) * (found[-1] - found[0])
        errors = {(a, b): p.sum() - (heights[b] - heights[a]) for (a, b), p in parts.items()}
        value = np.sum(list(parts.values()), axis=0)
        apart, size = float(np.abs(list(errors.values())).sum()), float(np.abs(value).sum())
        rest = float(value.sum() - rise)
        met = abs(rest) <= tolerance * abs(rise)
        if (met and apart <= ROUGHEST * size) or steps >= most:
            return Integral(value, steps, apart / (size or 1.0))
        halved = _worst({i: np.abs(changes[i]).sum() + abs(errors[i]) for i in parts})
        middles = np.array([(a + b) / 2 for a, b in halved])
        heights.update(zip(middles.tolist(), height(middles).tolist(), strict=True))
        pending = []
        for (a, b), middle in zip(halved, middles.tolist(), strict=True):
            del parts[a, b], changes[a, b]
            pending += [(a, middle), (middle, b)]


def _worst(sizes: dict[tuple[float, float], float]) -> list[tuple[float, float]]:
    """Return the fewest intervals that hold ``SHARE`` of all sizes, at least one."""
    ordered = sorted(sizes, key=lambda interval: (-sizes[interval], interval))
    held = np.cumsum([sizes[interval] for interval in ordered])
    return ordered[: int(np.searchsorted(held, SHARE * held[-1])) + 1]
