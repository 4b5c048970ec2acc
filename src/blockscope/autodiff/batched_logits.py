"""Logits at many points of a layer, in batches, compiled where that takes less than it saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.batches import LARGEST, fitting
from blockscope.autodiff.gradients import Gradients
from blockscope.io.chosen_numbers import chosen_numbers

Points = Callable[[npt.NDArray[np.intp]], npt.NDArray[Any]]
"""From numbers of points, (batch), to their values, (batch, row, col, channel)."""

# Values of one batch. More of them leave the caches, measured on 2 cores with InceptionV1 at a
# quarter of its width and at all of it.
BATCH_BYTES = 320e6
# Compiled, more points at once gain nothing, and the last batch is filled up.
COMPILED_AT_ONCE = 16
# Compiling takes 1.1 ms for an operation and saves, less what fills up batches, 0.09 ms of a pass
# for each MB of its values, measured on the same networks.
BYTES_PER_OPERATION = 12e6


class Logits:
    """Some logits at points of a layer, by passes from there on.

    Attributes
    ----------
    compiled
        Whether passes are compiled. All batches are then of one size, for which it is done once.
    batch
        Points in a batch: of all batches where compiled, else at most.
    """

    compiled: bool
    batch: int

    def __init__(
        self, gradients: Gradients, indexes: Sequence[int], expected: int, memory_mb: int = 2048
    ) -> None:
        """Choose the batch; nothing is computed yet.

        Parameters
        ----------
        gradients
            The network from the layer on.
        indexes
            Positions in its target, the logits.
        expected
            Of how many points the logits will be asked at least. Decides whether to compile: only
            the last bits of results depend on it.
        memory_mb
            Bounds the batches; does not change the result.

        Raises
        ------
        UnknownName
            An index that is no place in the logits, or none at all.
        """
        each = max(gradients.bytes_per_point, 1)
        self._gradients = gradients
        self._indexes = chosen_numbers("labels", indexes, gradients.size, "indexes")
        self.compiled = expected * each > BYTES_PER_OPERATION * gradients.operations
        most = COMPILED_AT_ONCE if self.compiled else LARGEST
        if self.compiled and gradients.network.spec.one_by_one:
            most = 1  # each point would be a copy of the graph
        self.batch = fitting(each, memory_mb, int(np.clip(BATCH_BYTES // each, 1, most)))
        self._push = (
            tf.function(self._computed, autograph=False) if self.compiled else self._computed
        )

    def __call__(self, count: int, points: Points) -> npt.NDArray[np.float32]:
        """Return the logits, (point, label), of ``count`` points, at least one.

        Cost: one pass through the network after the layer per point.
        """

        def part(start: int) -> npt.NDArray[np.float32]:
            end = start + self.batch if self.compiled else min(start + self.batch, count)
            numbers = np.minimum(np.arange(start, end), count - 1)  # the last point fills it up
            found: npt.NDArray[np.float32] = self._push(tf.constant(points(numbers))).numpy()
            return found[: count - start]

        return np.concatenate([part(start) for start in range(0, count, self.batch)])

    def _computed(self, points: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._gradients.values_at(points), self._indexes, axis=1)
