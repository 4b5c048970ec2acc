"""Integrals over t from 0 to 1 of vectors, by a fixed rule or refined to a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# The refinement starts from this many equal intervals.
INTERVALS = 8
# Each round halves the intervals that together hold this share of all changes and errors.
SHARE = 0.5
# A sum may be met by chance while the entries are still off; so much is allowed there.
ROUGHEST = 0.01
# Less than this share of the entries' sizes, or of the path, is lost in single precision.
NOISE = 1e-6


@dataclass(frozen=True, eq=False)
class Rule:
    """Where a function is looked at, and how much each place counts.

    Nodes that are fractions of ``denominator`` can be rounded as such: see ``left``.
    """

    nodes: Numbers
    weights: Numbers
    denominator: int = 1


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

    ``error`` estimates how far the entries are off, as a share of the sum of their sizes: see
    ``_roughness``.
    """

    value: Numbers
    steps: int
    error: float


def integrate_adaptive(
    tolerance: float,
    look: Callable[[Numbers], tuple[Numbers, Numbers]],
    most: int = 8192,
) -> Integral:
    """Integrate the gradient of a function along a path, until its sum is as high as the function.

    ``look`` gives at places (place) the slopes of the entries, (place, entry), and the height,
    (place), whose derivative is the slopes' sum. The rule is the trapezoid's: gradients of networks
    jump wherever a unit turns on, so that a rule of higher order gains nothing, and halving an
    interval keeps what was seen at its ends.

    First the intervals are halved in which the entries change most and the sum is most wrong,
    until the estimated error is below ``ROUGHEST``. From then on only the sum is to be met: the
    error of each interval's sum is known, not estimated, and those are halved, largest first, that
    together hold what is missing in all. It ends where the sum of all entries differs from
    ``height(1) - height(0)`` by less than ``tolerance`` of it, or where single precision or
    ``most`` places allow no more; the sum then tells by how much. Nothing is ever added to make it
    fit.
    """
    places = np.linspace(0, 1, INTERVALS + 1)
    slopes, heights = look(places)
    while True:
        lengths = np.diff(places)
        value = lengths @ (slopes[:-1] + slopes[1:]) / 2
        changes = lengths[:, None] * np.diff(slopes, axis=0)
        errors = lengths * (slopes[:-1] + slopes[1:]).sum(1) / 2 - np.diff(heights)
        size = float(np.abs(value).sum())
        rise, rest = float(heights[-1] - heights[0]), float(errors.sum())
        error = _roughness(changes, errors) / (size or 1.0)
        met = abs(rest) <= max(tolerance * abs(rise), NOISE * size)
        if (met and error <= ROUGHEST) or len(places) >= most or not np.isfinite(rest):
            return Integral(value, len(places), error)
        if error > ROUGHEST:
            sizes = np.abs(changes).sum(1) + np.abs(errors)
            halved = _fewest(sizes, SHARE * sizes.sum(), lengths)
        else:
            halved = _fewest(errors * np.sign(rest), abs(rest), lengths)
        if not halved.size:
            return Integral(value, len(places), error)
        middles = (places[halved] + places[halved + 1]) / 2
        found_slopes, found_heights = look(middles)
        places, heights = np.append(places, middles), np.append(heights, found_heights)
        order = np.argsort(places)
        slopes = np.concatenate([slopes, found_slopes])[order]
        places, heights = places[order], heights[order]


def _roughness(changes: Numbers, errors: Numbers) -> float:
    """Return the likely sum of the entries' errors, from the intervals' (interval, entry).

    ``changes``: of the slopes, times the interval's length. A jump stands anywhere in its interval,
    which gives a standard deviation of 1 / sqrt(12) of that, and jumps of different intervals are
    independent. One that is undone within its interval is seen only in ``errors`` (interval), those
    of the sums, which are added without cancelling.
    """
    return float(np.sqrt((changes**2).sum(0) / 12).sum() + np.abs(errors).sum())


def _fewest(sizes: Numbers, amount: float, lengths: Numbers) -> npt.NDArray[np.intp]:
    """Return the fewest intervals whose positive sizes add up to ``amount``, or all that do count.

    Those that are too short to be halved in single precision are left alone.
    """
    order = np.argsort(-sizes, kind="stable")
    order = order[(sizes[order] > 0) & (lengths[order] > NOISE)]
    held = np.cumsum(sizes[order])
    return order[: int(np.searchsorted(held, amount)) + 1]
