"""Neuron groups: a layer's activations as a few patterns of positions, each with its channels.

By non-negative matrix factorization (NMF), as in the article's notebook on neuron groups (Lucid:
ChannelReducer).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blockscope.attribution.factors import Array, factorise, positive_part
from blockscope.attribution.layer_arrays import check_count, check_layer


@dataclass(frozen=True)
class NeuronGroups:
    """Neuron groups of one layer, from left to right.

    Attributes
    ----------
    spatial
        (row, col, factor), non-negative.
    channels
        (factor, channel), non-negative; ``spatial @ channels`` approximates the activations A.
    relative_error
        ||A - spatial @ channels|| / ||A|| (Frobenius norm).
    clipped
        ||negative part of A|| / ||A||.
    """

    spatial: Array
    channels: Array
    relative_error: float
    clipped: float

    @property
    def magnitude(self) -> Array:
        """The length of each group's vector, (factor,), in units of the activations."""
        return _magnitude(self.spatial, self.channels)

    def vectors(self, factors: npt.NDArray[np.integer]) -> Array:
        """Return the part of the activations of each group, (group, row, col, channel)."""
        parts = np.moveaxis(self.spatial[..., factors], -1, 0)
        product: Array = parts[..., None] * self.channels[factors, None, None, :]
        return product


def group_neurons(activations: npt.NDArray[np.floating], n: int) -> NeuronGroups:
    """Factorise a layer's activations, (row, col, channel), into ``n`` neuron groups by NMF.

    Positions are samples, channels features. Groups are ordered by the column of their centre of
    mass, weighted by the square of ``spatial``; groups that are zero come last; ties keep the order
    of NMF. A layer without ReLU has negative activations, which no group can represent: they are
    clipped at zero and counted in ``relative_error``. Source: Olah et al. 2018, notebook on neuron
    groups; the order is that of the article's data.

    Raises ``BadFile`` if ``n`` exceeds the number of positions or channels, or if activations are
    no array with these axes, or not finite.
    """
    layer = check_layer("activation", activations, "channel")
    where = "the number in the file's name"
    n = check_count(n, "neuron groups", layer.shape, "channel", where)
    values = layer.astype(np.float64)
    positive = positive_part(values)
    found = factorise([positive], n)
    spatial, vectors = found.spatial[0], found.labels
    order = _from_left_to_right(spatial, _magnitude(spatial, vectors))
    spatial, vectors = spatial[..., order], vectors[order]
    size = float(np.linalg.norm(values)) or 1.0
    return NeuronGroups(
        spatial,
        vectors,
        relative_error=float(np.linalg.norm(values - spatial @ vectors)) / size,
        clipped=float(np.linalg.norm(values - positive)) / size,
    )


def _magnitude(spatial: Array, channels: Array) -> Array:
    """Return the norms of the outer products, which are the products of the norms."""
    lengths: Array = np.sqrt((spatial**2).sum((0, 1))) * np.sqrt((channels**2).sum(1))
    return lengths


def _from_left_to_right(spatial: Array, magnitude: Array) -> npt.NDArray[np.intp]:
    """Return the order of groups by the column of their centre of mass, empty ones last."""
    live = magnitude > 0
    centre = np.full(len(magnitude), np.inf)
    squares = (spatial[..., live] / spatial[..., live].max((0, 1))) ** 2
    columns = np.arange(spatial.shape[1])
    centre[live] = (columns @ squares.sum(0)) / squares.sum((0, 1))
    # Rounded, so that groups with the same centre are not ordered by rounding errors.
    return np.argsort(centre.round(9), kind="stable")
