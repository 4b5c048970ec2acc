"""Forward mode by double backprop, for operations and overrides without a rule of their own.

A gradient is linear in the cotangent that it is given, so differentiating it once more, by that
cotangent, gives its transpose: the Jacobian-vector product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockscope.autodiff.gradient_overrides import GradientRule
from blockscope.autodiff.linear_op import LinearOp, OpPoint, single_tangent
from blockscope.models.operations import apply

Backward = Callable[[tf.Tensor], list[tf.Tensor]]


def jvp_by_double_backprop(
    backward: Backward, tangents: Sequence[tf.Tensor], like: tf.Tensor
) -> tf.Tensor:
    """Apply the transpose of ``backward``, whose argument is shaped as ``like``, to tangents."""
    cotangent = tf.zeros_like(like)  # any value: backward is linear in it
    with tf.GradientTape() as tape:
        tape.watch(cotangent)
        gradients = backward(cotangent)
    found = tape.gradient(gradients, cotangent, output_gradients=list(tangents))
    return tf.zeros_like(like) if found is None else found


class DoubleBackprop(LinearOp):
    """Any differentiable operation: TensorFlow's gradient of its gradient."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Differentiate twice, with the point repeated for each tangent."""
        present = {i: tangent for i, tangent in enumerate(tangents) if tangent is not None}
        moved = list(present)
        batch = tf.shape(present[moved[0]])[0]
        ranks = {tangent.shape.rank for tangent in present.values()}
        # What has a batch axis as the tangents have is repeated with them; constants stay.
        values = [
            tf.repeat(value, batch, 0)
            if value.shape.rank in ranks and value.shape[0] == 1
            else value
            for value in self.point.inputs
        ]

        def backward(cotangent: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch([values[i] for i in moved])
                output = apply(self.point.node, values)[self.point.number]
            return tape.gradient(
                output, [values[i] for i in moved], cotangent, unconnected_gradients="zero"
            )

        like = tf.zeros([batch, *self.point.output.shape[1:]], self.point.output.dtype)
        return jvp_by_double_backprop(backward, list(present.values()), like)


class Overridden(LinearOp):
    """An operation whose gradient follows an override's rule."""

    def __init__(self, point: OpPoint, rule: GradientRule) -> None:
        """Keep the rule."""
        super().__init__(point)
        self.rule = rule

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Apply the transpose of the rule, which is linear in the gradient."""
        tangent, node = single_tangent(tangents), self.point.node
        batch = tf.shape(tangent)[0]
        x, y = tf.repeat(self.point.inputs[0], batch, 0), tf.repeat(self.point.output, batch, 0)
        return jvp_by_double_backprop(lambda u: [self.rule(x, y, node, u)], [tangent], y)
