"""Gradients of a score at many points of a layer, compiled where that takes less than it saves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.batches import fitting
from blockscope.autodiff.gradients import Gradients

# Compiled, more points at once gain nothing.
COMPILED_AT_ONCE = 9
# Compiling takes 4 ms for an operation and saves 1.4 ms of a gradient for each MB of its values,
# measured on 2 cores with InceptionV1 from three of its layers on. A first contrast at mixed4d
# loses a fifth by it, each further one takes half of the time.
BYTES_PER_OPERATION = 1.9e6


class LogitScore(NamedTuple):
    """A score: ``weights`` (logit) times the logits, plus ``scale`` times their logsumexp."""

    weights: npt.NDArray[np.floating]
    scale: float = 0.0


class ScoreGradients:
    """Values and gradients of scores of the logits, one score at a time.

    Attributes
    ----------
    compiled
        Whether passes are compiled: once for a network, layer and override, for all scores.
    batch
        Points in a batch, at most.
    """

    compiled: bool
    batch: int

    def __init__(self, gradients: Gradients, expected: int, memory_mb: int = 2048) -> None:
        """Choose the batch; nothing is computed yet.

        Parameters
        ----------
        gradients
            The network from the layer on.
        expected
            At how many points gradients will be asked for at least. Decides whether to compile:
            only the last bits of results depend on it.
        memory_mb
            Bounds the batches; does not change the result.
        """
        self._gradients = gradients
        each = gradients.bytes_per_point + gradients.value.nbytes
        self.compiled = (
            expected * gradients.bytes_per_point > BYTES_PER_OPERATION * gradients.operations
            and not gradients.network.spec.one_by_one  # each point would be a copy of the graph
        )
        self.batch = fitting(each, memory_mb)
        if self.compiled:
            self.batch = min(self.batch, COMPILED_AT_ONCE)

    def __call__(
        self, points: npt.NDArray[np.floating], score: LogitScore
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the score, (point), and its gradients, (point, row, col, channel).

        ``points``: at most a batch. Cost: a forward and a backward pass per point.
        """
        given = tf.constant(points)
        weights = tf.constant(score.weights, given.dtype)
        scale = tf.constant(score.scale, given.dtype)
        program = (self.compiled and self._program()) or self._computed
        found: tuple[tf.Tensor, tf.Tensor] = program(given, weights, scale)
        return found

    def _program(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]] | None:
        """Return one program for any number of points: a refinement asks for few at a time.

        None where it cannot be traced so, as where a shape is known only once it is computed.
        """
        made, shape = self._gradients.programs, self._gradients.value.shape
        name = f"score of {' x '.join(map(str, shape))}"
        if name not in made:
            kind = tf.as_dtype(self._gradients.value.dtype)
            given = [tf.TensorSpec(size, kind) for size in ([None, *shape], [None], [])]
            traced = tf.function(self._computed, autograph=False, input_signature=given)
            try:
                made[name] = traced.get_concrete_function()
            except (TypeError, ValueError):
                made[name] = None
        return made[name]

    def _computed(
        self, points: tf.Tensor, weights: tf.Tensor, scale: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(points)
            logits = self._gradients.values_at(points)
            found = tf.linalg.matvec(logits, weights) + scale * tf.reduce_logsumexp(logits, 1)
        zero = tf.UnconnectedGradients.ZERO
        return found, tape.gradient(found, points, unconnected_gradients=zero)
