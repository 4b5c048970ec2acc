"""Passes through a network for many items, compiled where that takes less time than it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.batches import LARGEST, fitting
from blockscope.autodiff.gradients import Gradients

Push = Callable[..., tf.Tensor]
"""From items, tensors (batch, ...), to results, (batch, ...): each item's by itself."""

# Values of one batch. More of them leave the caches, measured on 2 cores with InceptionV1 at a
# quarter of its width and at all of it.
BATCH_BYTES = 450e6
# Compiled, more items at once gain nothing, and the last batch is filled up.
COMPILED_AT_ONCE = 16
# Compiling takes 1.1 ms for an operation and saves, less what fills up batches, 0.085 ms of a pass
# for each MB of its values, measured on the same networks.
BYTES_PER_OPERATION = 13e6


class Passes:
    """Computes something of items, in batches that fit into memory.

    Attributes
    ----------
    compiled
        Whether batches are compiled. All are then of one size, for which it is done once.
    batch
        Items in a batch: of all batches where compiled, else at most.
    """

    compiled: bool
    batch: int

    def __init__(
        self, push: Push, gradients: Gradients, expected: int, memory_mb: int = 2048
    ) -> None:
        """Choose the batch; nothing is computed yet.

        Parameters
        ----------
        push
            What is computed, by one pass from the layer of ``gradients`` on for each item.
        gradients
            Says what a pass takes.
        expected
            How many items there will be at least. Decides whether to compile: only the last bits
            of results depend on it.
        memory_mb
            Bounds the batches; does not change the result.
        """
        each = max(gradients.bytes_per_point, 1)
        self.compiled = expected * each > BYTES_PER_OPERATION * gradients.operations
        most = COMPILED_AT_ONCE if self.compiled else LARGEST
        if self.compiled and gradients.network.spec.one_by_one:
            most = 1  # each item would be a copy of the graph
        self.batch = fitting(each, memory_mb, int(np.clip(BATCH_BYTES // each, 1, most)))
        self._push = tf.function(push, autograph=False) if self.compiled else push

    def __call__(self, *items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the results of at least one item; arrays have one entry for each."""
        count, parts = len(items[0]), []
        for start in range(0, count, self.batch):
            numbers = np.arange(start, start + self.batch if self.compiled else count)
            numbers = np.minimum(numbers[: self.batch], count - 1)  # the last item fills it up
            found = self._push(*(tf.constant(one[numbers]) for one in items))
            parts.append(found.numpy()[: count - start])
        return np.concatenate(parts)
