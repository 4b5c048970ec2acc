"""Forward mode by double backprop, for operations and overrides without a rule of their own.

A gradient is linear in the cotangent that it is given, so differentiating it once more, by that
cotangent, gives its transpose: the Jacobian-vector product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockscope.autodiff.gradient_overrides import GradientRule
from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, single_tangent
from blockscope.autodiff.roots import apply_with_roots

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


class OneByOne(LinearOp):
    """Any differentiable operation: TensorFlow's gradient of its gradient, image by image.

    The operation sees one image, as the point was computed, so that nothing is assumed about its
    axes. A tangent whose value has several entries along the first axis for one image, as between
    SpaceToBatch and BatchToSpace, has as many for each of a batch, image after image.
    """

    def __init__(self, point: OpPoint) -> None:
        """Prepare the derivative; it is traced once, for any number of tangents."""
        super().__init__(point)
        self._mapped = tf.function(self._map, autograph=False, reduce_retracing=True)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Differentiate twice, for each image by itself."""
        moved = [number for number, tangent in enumerate(tangents) if tangent is not None]
        whole = [
            tf.reshape(tangents[number], [-1, *self.point.inputs[number].shape]) for number in moved
        ]
        # Which inputs move decides what is traced.
        found = self._mapped(tuple(moved), whole)
        shape = self.point.output.shape
        return tf.reshape(found, [-1, *shape[1:]] if shape.rank else [-1])

    def _map(self, moved: tuple[int, ...], tangents: list[tf.Tensor]) -> tf.Tensor:
        def single(parts: list[tf.Tensor]) -> tf.Tensor:
            return jvp_by_double_backprop(self._backward(moved), parts, self.point.output)

        return tf.vectorized_map(single, tangents)

    def _backward(self, moved: tuple[int, ...]) -> Backward:
        def backward(cotangent: tf.Tensor) -> list[tf.Tensor]:
            values = [tf.identity(value) for value in self.point.inputs]  # two may be one tensor
            with tf.GradientTape() as tape:
                tape.watch([values[i] for i in moved])
                output = apply_with_roots(self.point.node, values)[self.point.number]
            found = tape.gradient(
                output, [values[i] for i in moved], cotangent, unconnected_gradients="zero"
            )
            return [tf.convert_to_tensor(one) for one in found]  # a gather's names rows only

        return backward


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
