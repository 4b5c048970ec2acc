"""Deletion and insertion: a score while positions are taken away or put in, the strongest first.

Petsiuk et al. 2018 (RISE), with the positions of a layer for the pixels; Samek et al. 2017 call the
first one region perturbation (MoRF). A map that ranks positions well has a small area under the
deletion curve and a large one under the insertion curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from blockscope.attribution.finite import check_finite

Floats = npt.NDArray[np.floating]
Evaluate = Callable[[npt.NDArray[np.bool_]], Floats]
"""From the positions that are kept, (batch, row, col), to scores, (batch, label, ...)."""

STEPS = 10


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores, (..., label, ..., count), where ``counts`` positions are taken away or put in.

    A random order of removal, read backwards, is a random order of insertion: ``deletion`` stands
    for both there.
    """

    counts: npt.NDArray[np.intp]
    deletion: Floats
    insertion: Floats


def counts_of(positions: int, steps: int = STEPS) -> npt.NDArray[np.intp]:
    """Return how many positions are gone at each point of a curve, from none to all.

    Equal steps but for rounding, and the same when read backwards.
    """
    half = np.rint(np.linspace(0, positions, steps + 1)[: steps // 2 + 1]).astype(np.intp)
    return np.unique([*half, *(positions - half)])


def ranks_of(maps: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the place of each position, (..., position), by its value: 0 is the strongest.

    ``maps``: (..., row, col), signed. Of equal values the first in row-major order comes first.
    Raises ``BadFile`` for values that are not finite.
    """
    check_finite("map", maps)
    flat = maps.reshape(*maps.shape[:-2], -1).astype(np.float64)  # bytes have no negatives
    return np.argsort(np.argsort(-flat, axis=-1, kind="stable"), axis=-1)


def curves_of(maps: Floats, evaluate: Evaluate, steps: int = STEPS) -> Curves:
    """Return the curves of maps (map, label, row, col), each for the score of its own label.

    They are (map, label, ..., count), with the other axes of the scores between. Cost: one
    evaluation for each set of positions that occurs, at most ``2 * maps * labels * steps``.
    """
    size = maps.shape[-2:]
    ranks, counts = ranks_of(maps), counts_of(size[0] * size[1], steps)
    kept = ranks[..., None, :] >= counts[:, None]  # (map, label, count, position)
    both = np.stack([kept, ~kept])
    own = np.einsum("bmlcl...->bml...c", _evaluated_once(both, size, evaluate))
    return Curves(counts, own[0], own[1])


def random_curves(
    size: tuple[int, int], evaluate: Evaluate, orders: int, seed: int, steps: int = STEPS
) -> Curves:
    """Return the deletion curves of ``orders`` random orders, (order, label, ..., count).

    They are what a map without knowledge gives; insertion is the same read backwards.
    """
    drawn = np.random.default_rng(seed).random((orders, 1, *size))
    ranks, counts = ranks_of(drawn)[:, 0], counts_of(size[0] * size[1], steps)
    kept = ranks[:, None, :] >= counts[:, None]
    scores = np.moveaxis(_evaluated_once(kept, size, evaluate), 1, -1)
    return Curves(counts, scores, scores[..., ::-1])


def knowing_ends(evaluate: Evaluate, size: tuple[int, int]) -> Evaluate:
    """Evaluate all positions and none now, so that no curve evaluates its ends again."""
    ends = evaluate(np.stack([np.ones(size, bool), np.zeros(size, bool)]))

    def evaluate_others(kept: npt.NDArray[np.bool_]) -> Floats:
        whole, nothing = kept.all((1, 2)), ~kept.any((1, 2))
        others = ~(whole | nothing)
        found = np.where(whole.reshape(-1, *[1] * (ends.ndim - 1)), ends[0], ends[1])
        if others.any():
            found[others] = evaluate(kept[others])
        return found

    return evaluate_others


def _evaluated_once(
    kept: npt.NDArray[np.bool_], size: tuple[int, int], evaluate: Evaluate
) -> Floats:
    """Return scores, (..., label, ...), of sets, (..., position); equal ones are shared."""
    sets, place = np.unique(kept.reshape(-1, kept.shape[-1]), axis=0, return_inverse=True)
    scores = evaluate(sets.reshape(-1, *size))
    return scores[place].reshape(*kept.shape[:-1], *scores.shape[1:])


def area(scores: Floats, counts: npt.NDArray[np.intp]) -> Floats:
    """Return the area under curves (..., count), by trapezoids: the mean score along the way."""
    return np.trapezoid(scores, counts / counts[-1], axis=-1)
