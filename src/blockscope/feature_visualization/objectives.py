"""Objectives: what an image is to raise, responses of a layer, each image with its own target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile

Indices = Sequence[int] | npt.NDArray[np.int64]  # of an objective's images

LEAST_COSINE = 0.1  # so that an image at a right angle to its direction still has a gradient
EPSILON = 1e-4  # added to both norms
CENTRE = -1  # as a row or col: half of the map's, rounded down


@dataclass(frozen=True, eq=False)
class Term:
    """The response of a layer along one direction per image.

    Attributes
    ----------
    layer
        Its name.
    vectors
        Directions, float32 (image, channel).
    positions
        Row and col, int32 (image, 2), ``CENTRE`` allowed; None: the mean of all positions.
    power
        p >= 0: the dot product times max(0.1, cosine)^p; None: the cosine alone.
    weight
        Of the term in its objective.
    """

    layer: str
    vectors: npt.NDArray[np.float32]
    positions: npt.NDArray[np.int32] | None = None
    power: float | None = 0.0
    weight: float = 1.0

    def targets(self, indices: Indices) -> list[npt.NDArray[np.generic]]:
        """Return the vectors, and the positions if any, of some images, for ``scores``."""
        places = [] if self.positions is None else [self.positions[indices]]
        return [self.vectors[indices], *places]

    def scores(self, layer: tf.Tensor, vectors: tf.Tensor, *positions: tf.Tensor) -> tf.Tensor:
        """Return a number per image for a layer (image, row, col, channel) or (image, channel)."""
        if layer.shape.rank == 2:
            layer = layer[:, None, None]
        if positions:
            half = tf.constant([layer.shape[1] // 2, layer.shape[2] // 2])
            place = tf.where(positions[0] == CENTRE, half, positions[0])
            layer = tf.gather_nd(layer, place, batch_dims=1)[:, None, None]
        dot = tf.einsum("irca,ia->irc", layer, vectors)
        if self.power == 0:
            return self.weight * tf.reduce_mean(dot, [1, 2])
        lengths = EPSILON + _length(layer), EPSILON + _length(vectors)[:, None, None]
        cosine = dot / (lengths[0] * lengths[1])
        if self.power is not None:
            cosine = dot * tf.maximum(LEAST_COSINE, cosine) ** self.power
        return self.weight * tf.reduce_mean(cosine, [1, 2])

    def check(self, shape: Sequence[int]) -> None:
        """Raise ``BadFile`` where a vector or position does not fit a layer (row, col, channel)."""
        *size, channels = shape if len(shape) == 3 else (1, 1, *shape)
        if self.vectors.shape[1] != channels:
            raise BadFile(
                f"a direction of layer '{self.layer}' has "
                f"{counted(self.vectors.shape[1], 'entry', plural='entries')}; the layer has "
                f"{counted(channels, 'channel')}"
            )
        places = self.positions if self.positions is not None else np.zeros((0, 2), np.int32)
        outside = ((places < CENTRE) | (places >= size)).any(axis=1)
        if outside.any():
            raise BadFile(
                f"position {places[outside][0].tolist()} (row, col) is outside layer "
                f"'{self.layer}', which has {size[0]} x {size[1]} positions at this image size"
            )


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms; ``a + b`` and ``2 * a`` make new ones."""

    terms: tuple[Term, ...]

    def __len__(self) -> int:
        return len(self.terms[0].vectors)

    def __add__(self, other: Objective) -> Objective:
        if len(self) != len(other):
            raise BadFile(
                f"objectives of {len(self)} and {len(other)} images cannot be added; give every "
                "image a target in both"
            )
        return Objective(self.terms + other.terms)

    def __rmul__(self, factor: float) -> Objective:
        return Objective(tuple(replace(t, weight=factor * t.weight) for t in self.terms))

    @property
    def layers(self) -> list[str]:
        """Layers that are read, each once."""
        return list(dict.fromkeys(term.layer for term in self.terms))

    def targets(self, indices: Indices) -> list[list[npt.NDArray[np.generic]]]:
        """Return the targets of some images, term by term."""
        return [term.targets(indices) for term in self.terms]

    def scores(
        self, layers: Mapping[str, tf.Tensor], targets: Sequence[Sequence[tf.Tensor]]
    ) -> tf.Tensor:
        """Return the objective of each image, (image)."""
        pairs = zip(self.terms, targets, strict=True)
        return tf.add_n([term.scores(layers[term.layer], *given) for term, given in pairs])


def channel(layer: str, numbers: Sequence[int], channels: int) -> Objective:
    """Mean of one channel per image over all positions; ``channels``: how many the layer has."""
    return Objective((Term(layer, _one_hot(layer, numbers, channels)),))


def neuron(
    layer: str,
    numbers: Sequence[int],
    channels: int,
    positions: Sequence[tuple[int, int]] | None = None,
) -> Objective:
    """One channel per image at one position (row, col), by default the centre."""
    places = positions or [(CENTRE, CENTRE)] * len(numbers)
    vectors = _one_hot(layer, numbers, channels)
    return Objective((Term(layer, vectors, np.array(places, np.int32)),))


def direction(layer: str, vectors: npt.ArrayLike, power: float | None = 0.0) -> Objective:
    """Mean over positions of the dot product with one vector per image, (image, channel).

    ``power``: see ``Term``.
    """
    return Objective((Term(layer, np.asarray(vectors, np.float32), power=power),))


def _one_hot(layer: str, numbers: Sequence[int], channels: int) -> npt.NDArray[np.float32]:
    for number in numbers:
        if not 0 <= number < channels:
            raise BadFile(
                f"channel {number} of layer '{layer}' does not exist; it has "
                f"{counted(channels, 'channel')}, valid: 0 to {channels - 1}"
            )
    return np.eye(channels, dtype=np.float32)[list(numbers)]


def _length(vectors: tf.Tensor) -> tf.Tensor:
    # The square root of zero has no gradient.
    return tf.sqrt(tf.maximum(tf.reduce_sum(vectors**2, -1), 1e-12))
