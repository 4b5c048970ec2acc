"""Integrals over t from 0 to 1 of vectors, by a fixed rule or refined to a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The refinement starts from this many equal intervals.
START_INTERVALS = 8
# Each round halves the intervals that together hold this share of all changes and errors.
REFINED_SHARE = 0.5
# The sum may be right by chance while the entries are still wrong: they are refined to this error.
MAX_QUADRATURE_ERROR = 0.01
# Smaller shares of the entries' sizes, or of the path, are lost in single precision.
SINGLE_PRECISION = 1e-6


@dataclass(frozen=True, eq=False)
class QuadratureRule:
    """Nodes in [0, 1], (node), and the weight of each.

    Nodes that are fractions of ``denominator`` can be rounded as such: see ``left_riemann``.
    """

    nodes: Floats
    weights: Floats
    denominator: int = 1


def left_riemann(steps: int) -> QuadratureRule:
    """Return the left Riemann sum: nodes 0, 1/steps, ... without 1, of equal weights."""
    return QuadratureRule(np.arange(steps) / steps, np.full(steps, 1 / steps), steps)


def gauss_legendre(steps: int) -> QuadratureRule:
    """Return the Gauss-Legendre rule, exact for polynomials of degree ``2 * steps - 1``."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return QuadratureRule((nodes + 1) / 2, weights / 2)


@dataclass(frozen=True, eq=False)
class QuadratureResult:
    """An integral, (entry), the number of nodes it took, and its estimated error.

    ``error`` is the likely sum of the entries' errors, as a share of the sum of their sizes.
    """

    value: Floats
    steps: int
    error: float


def integrate_adaptive(
    tolerance: float,
    evaluate: Callable[[Floats], tuple[Floats, Floats]],
    max_nodes: int = 8192,
    resolution: float = 0.0,
) -> QuadratureResult:
    """Integrate the gradient of a function along a path until the entries add up to its rise.

    The rule is the trapezoid's: gradients of networks jump wherever a unit turns on, so that a rule
    of higher order gains nothing, and halving an interval reuses the values at its ends.

    First the intervals are halved in which the entries change most and the sum is most wrong, until
    the estimated error is below ``MAX_QUADRATURE_ERROR``. From then on only the sum is refined: the
    error of each interval's sum is known, not estimated, and the fewest intervals are halved,
    largest first, that together hold the missing amount. Nothing is ever added to make the sum fit.

    Parameters
    ----------
    tolerance
        Largest difference of the sum of all entries from ``height(1) - height(0)``, as a share of
        the latter (the completeness error). The loop also ends at the limit of single precision.
    evaluate
        Returns, at nodes (node), the slopes of the entries, (node, entry), and the height, (node),
        whose derivative is the slopes' sum.
    max_nodes
        Stop after this many; the sum then shows what is missing.
    resolution
        How far heights may be off by rounding. Where ``tolerance`` asks for less, the sum is right
        if it is right to this much, and what an interval's sum is off by less is no error.

    Returns
    -------
    result
        Entries in the order of ``evaluate``.
    """
    nodes = np.linspace(0, 1, START_INTERVALS + 1)
    slopes, heights = evaluate(nodes)
    while True:
        lengths = np.diff(nodes)
        value = lengths @ (slopes[:-1] + slopes[1:]) / 2
        # Per interval: how much each entry changes, and what the trapezoid's sum is off. The latter
        # is exact, because the heights at both ends are known.
        changes = lengths[:, None] * np.diff(slopes, axis=0)
        errors = lengths * (slopes[:-1] + slopes[1:]).sum(1) / 2 - np.diff(heights)
        size = float(np.abs(value).sum())
        rise, rest = float(heights[-1] - heights[0]), float(errors.sum())
        if resolution > tolerance * abs(rise):
            errors = np.where(np.abs(errors) > resolution, errors, 0.0)
        error = _estimated_error(changes, errors) / (size or 1.0)
        # The entries may cancel in the sum; what is lost in their rounding cannot be met.
        met = abs(rest) <= max(tolerance * abs(rise), SINGLE_PRECISION * size, resolution)
        done = met and error <= MAX_QUADRATURE_ERROR
        if done or len(nodes) >= max_nodes or not np.isfinite(rest):
            return QuadratureResult(value, len(nodes), error)
        if error > MAX_QUADRATURE_ERROR:
            sizes = np.abs(changes).sum(1) + np.abs(errors)
            halved = _smallest_prefix_summing_to(sizes, REFINED_SHARE * sizes.sum(), lengths)
        else:  # only the sum is off: errors of its sign count, those of the other one help
            halved = _smallest_prefix_summing_to(errors * np.sign(rest), abs(rest), lengths)
        if not halved.size:  # the intervals that count are too short to be halved
            return QuadratureResult(value, len(nodes), error)
        middles = (nodes[halved] + nodes[halved + 1]) / 2
        new_slopes, new_heights = evaluate(middles)
        nodes, heights = np.append(nodes, middles), np.append(heights, new_heights)
        order = np.argsort(nodes)
        slopes = np.concatenate([slopes, new_slopes])[order]
        nodes, heights = nodes[order], heights[order]


def _estimated_error(changes: Floats, errors: Floats) -> float:
    """Return the likely sum of the entries' errors.

    ``changes``, (interval, entry): of the slopes, times the interval's length. A jump lies anywhere
    in its interval, which gives a standard deviation of 1 / sqrt(12) of that, and jumps of
    different intervals are independent. A jump that is undone within its interval shows only in
    ``errors``, (interval), of the sums, which are added without cancelling.
    """
    return float(np.sqrt((changes**2).sum(0) / 12).sum() + np.abs(errors).sum())


def _smallest_prefix_summing_to(
    sizes: Floats, amount: float, lengths: Floats
) -> npt.NDArray[np.intp]:
    """Return the fewest intervals, largest first, whose sizes add up to ``amount``.

    Only positive sizes count, and only intervals long enough to be halved in single precision; all
    of them if they do not suffice.
    """
    order = np.argsort(-sizes, kind="stable")
    order = order[(sizes[order] > 0) & (lengths[order] > SINGLE_PRECISION)]
    total = np.cumsum(sizes[order])
    return order[: int(np.searchsorted(total, amount)) + 1]
