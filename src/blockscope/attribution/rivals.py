"""Other methods' maps of the same label at the same layer, from its activations and gradients.

They follow the network's own gradient, whatever a run overrides. Values and gradients are
(..., row, col, channel); a map is (..., row, col).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.attribution.quadrature import gauss_legendre
from blockscope.autodiff.batches import in_batches
from blockscope.autodiff.gradients import Gradients
from blockscope.io.chosen_numbers import chosen_numbers

Floats = npt.NDArray[np.floating]

PATH_STEPS = 16


def product(values: Floats, gradients: Floats) -> Floats:
    """Return activation x gradient, summed over channels: Lucid's spatial attribution.

    With the network's own gradient it is HiResCAM (Draelos and Carin 2020), before any ReLU.
    """
    return (values * gradients).sum(-1)


def grad_cam(values: Floats, gradients: Floats) -> Floats:
    """Return the positive part of activations weighted by each channel's mean gradient.

    Source: Selvaraju et al. 2017.
    """
    weights = gradients.mean((-3, -2), keepdims=True)
    return np.maximum((values * weights).sum(-1), 0)


def layer_cam(values: Floats, gradients: Floats) -> Floats:
    """Return the positive part of activation x positive gradient, summed over channels.

    Source: Jiang et al. 2021.
    """
    return np.maximum((values * np.maximum(gradients, 0)).sum(-1), 0)


def saliency(values: Floats, gradients: Floats) -> Floats:  # noqa: ARG001 - as the others
    """Return the largest size of the gradient over channels (Simonyan et al. 2014)."""
    return np.abs(gradients).max(-1)


@dataclass(frozen=True)
class Rival:
    """A method: how it combines activations and gradients, and its source.

    ``along_path``: the gradient is the mean one on the straight path from zero.
    """

    source: str
    combine: Callable[[Floats, Floats], Floats]
    along_path: bool = False


RIVALS: Mapping[str, Rival] = {
    "hires_cam": Rival("HiResCAM, Draelos and Carin 2020", product),
    "grad_cam": Rival("Grad-CAM, Selvaraju et al. 2017", grad_cam),
    "layer_cam": Rival("LayerCAM, Jiang et al. 2021", layer_cam),
    "gradient": Rival("saliency: largest gradient, Simonyan et al. 2014", saliency),
    "integrated_gradients": Rival(
        "integrated gradients from zero, Sundararajan et al. 2017", product, along_path=True
    ),
}


def slopes_at(
    gradients: Gradients, points: Floats, indexes: Sequence[int], memory_mb: int = 2048
) -> Floats:
    """Return gradients of logits at points of a layer, (label, point, row, col, channel).

    ``indexes``: positions in the logits. ``memory_mb`` bounds the batches. Raises ``UnknownName``
    for an index that is no such position, and for none.
    """
    wanted = chosen_numbers("labels", indexes, gradients.size, "indexes")
    each = gradients.bytes_per_point + len(wanted) * gradients.value.nbytes
    parts = []
    for batch in in_batches(points, each, memory_mb):
        _, found = gradients.at(batch, lambda logits: [logits[:, i] for i in wanted])
        parts.append(np.stack([tf.convert_to_tensor(one).numpy() for one in found]))
    return np.concatenate(parts, axis=1)


def rival_maps(
    gradients: Gradients, points: Floats, indexes: Sequence[int], memory_mb: int = 2048
) -> dict[str, Floats]:
    """Return the maps of all rivals at points of a layer, (label, point, row, col).

    Cost: ``1 + PATH_STEPS`` forward passes per point from the layer on, and as many backward
    passes per label.

    Parameters
    ----------
    gradients
        The network from the layer on, without an override.
    points
        Values of the layer, (point, row, col, channel).
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.

    Returns
    -------
    maps
        By the names in ``RIVALS``.
    """
    at = slopes_at(gradients, points, indexes, memory_mb)
    rule = gauss_legendre(PATH_STEPS)
    mean = np.zeros(at.shape, np.float64)
    for node, weight in zip(rule.nodes, rule.weights, strict=True):
        on_path = (node * points).astype(points.dtype)
        mean += weight * slopes_at(gradients, on_path, indexes, memory_mb)
    return {
        name: rival.combine(points, mean if rival.along_path else at)
        for name, rival in RIVALS.items()
    }
