"""What of its receptive field a position really depends on, by gradients (Luo et al. 2016).

Of a field that reaches over half the image, most pixels hardly count: the squared gradient of an
activation with respect to the input falls off from the middle, much as a Gaussian does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.gradient_overrides import find_override
from blockscope.autodiff.gradients import Gradients
from blockscope.io.images import Pixels
from blockscope.models.network import Network

Floats = npt.NDArray[np.float64]
HOLDS = 0.9  # of the squared gradient is in the square that is called the effective field


@dataclass(frozen=True)
class Activation:
    """One number of a layer: a channel, or a direction, at a position, in an image."""

    unit: int
    row: int
    col: int


def squared_gradients(
    network: Network,
    layer: str,
    images: Sequence[Pixels],
    units: Sequence[Activation],
    memory_mb: int = 2048,
    directions: npt.NDArray[np.float32] | None = None,
) -> Floats:
    """Return the squared gradient of an activation in each image, (image, row, col).

    It is with respect to the network's input, summed over its channels. ``directions``: (channel,
    factor), along which activations are taken; None for the channels themselves. Costs a pass
    forward and one backward for each image, in batches of ``memory_mb``.
    """
    if not images:
        return np.empty((0, *network.spec.size))
    start = Gradients(
        network, network.values(images[0]), network.spec.tensor, layer, find_override("none")
    )
    batch = max(1, memory_mb * 2**20 // (2 * start.bytes_per_point))
    found = []
    for first in range(0, len(images), batch):
        points = np.concatenate([network.values(one) for one in images[first : first + batch]])
        scores = partial(_values, units=units[first : first + batch], directions=directions)
        (gradient,) = start.at(points, scores)[1]
        found.append(np.square(gradient.numpy().astype(np.float64)).sum(axis=-1))
    return np.concatenate(found)


def _values(
    activations: tf.Tensor,
    units: Sequence[Activation],
    directions: npt.NDArray[np.float32] | None,
) -> list[tf.Tensor]:
    """Return one number of each image's activations (image, row, col, channel)."""
    if directions is not None:
        activations = tf.tensordot(activations, directions, 1)
    places = [[n, one.row, one.col, one.unit] for n, one in enumerate(units)]
    return [tf.gather_nd(activations, places)]


def centred_side(squared: Floats, centre: tuple[float, float], share: float = HOLDS) -> int:
    """Return the side in pixels of the smallest square around a place that holds a share.

    Parameters
    ----------
    squared
        (row, col), not all zero.
    centre
        (row, col) in pixels; 0 is the edge of the image.
    share
        Of the sum.

    Returns
    -------
    int
        The side, at least 1.
    """
    row, col = (np.arange(size) + 0.5 for size in squared.shape)
    # How far a square has to reach to hold the whole pixel.
    away = np.maximum(abs(row - centre[0])[:, None], abs(col - centre[1])[None]).ravel() + 0.5
    order = np.argsort(away, kind="stable")
    held = np.cumsum(squared.ravel()[order])
    last = int(np.searchsorted(held, share * held[-1]))
    return max(1, math.ceil(float(2 * away[order[last]]) - 1e-6))
