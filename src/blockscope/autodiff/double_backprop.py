"""Forward mode from reverse mode, for operations and overrides without a rule of their own.

A gradient is linear in the sensitivity that it is given; differentiating it once more by that
sensitivity gives its transpose, which is forward mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockscope.autodiff.gradient_overrides import Rule
from blockscope.autodiff.linear_op import Linear, Step, only
from blockscope.models.operations import apply

Backward = Callable[[tf.Tensor], list[tf.Tensor]]


def transposed(backward: Backward, tangents: Sequence[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """Push tangents through the transpose of ``backward``, whose argument is like ``like``."""
    sensitivity = tf.zeros_like(like)
    with tf.GradientTape() as tape:
        tape.watch(sensitivity)
        gradients = backward(sensitivity)
    pushed = tape.gradient(gradients, sensitivity, output_gradients=list(tangents))
    return tf.zeros_like(like) if pushed is None else pushed


class TwiceDifferentiated(Linear):
    """Any differentiable operation: TensorFlow's gradient of its gradient, point repeated."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Push tangents; the point is repeated for each of them."""
        present = {i: tangent for i, tangent in enumerate(tangents) if tangent is not None}
        moved = list(present)
        batch = tf.shape(present[moved[0]])[0]
        ranks = {tangent.shape.rank for tangent in present.values()}
        values = [
            tf.repeat(value, batch, 0)
            if value.shape.rank in ranks and value.shape[0] == 1
            else value
            for value in self.step.inputs
        ]

        def backward(sensitivity: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch([values[i] for i in moved])
                output = apply(self.step.node, values)[self.step.number]
            return tape.gradient(
                output, [values[i] for i in moved], sensitivity, unconnected_gradients="zero"
            )

        like = tf.zeros([batch, *self.step.output.shape[1:]], self.step.output.dtype)
        return transposed(backward, list(present.values()), like)


class Overridden(Linear):
    """An operation whose gradient follows an override's rule."""

    def __init__(self, step: Step, rule: Rule) -> None:
        """Keep the rule."""
        super().__init__(step)
        self.rule = rule

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Push the tangent through the transpose of the rule."""
        tangent = only(tangents)
        batch = tf.shape(tangent)[0]
        x, y = tf.repeat(self.step.inputs[0], batch, 0), tf.repeat(self.step.output, batch, 0)
        return transposed(lambda u: [self.rule(x, y, self.step.node, u)], [tangent], y)
