"""Tangents through operations that treat every entry by itself."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockscope.autodiff.linear_op import Linear, Step, only
from blockscope.autodiff.windows import Map, Window, union
from blockscope.models.operations import apply


class Elementwise(Linear):
    """Any function of one or two operands entry by entry, with broadcasting.

    Its derivative is taken once, at the point, by TensorFlow; a tangent is multiplied by it.
    """

    def __init__(self, step: Step) -> None:
        """Differentiate the function at the point."""
        super().__init__(step)
        shape = tf.shape(step.output)
        operands = [tf.broadcast_to(value, shape) for value in step.inputs]
        with tf.GradientTape() as tape:
            tape.watch(operands)
            (result,) = apply(step.node, operands)
        slopes = tape.gradient(result, operands, unconnected_gradients="zero")
        self.slopes = [Map(slope) if slope.shape.rank == 4 else slope for slope in slopes]
        self.takes_windows = step.output.shape.rank == 4

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply each tangent by its slope and add."""
        parts = [
            tangent * (slope.values if isinstance(slope, Map) else slope)
            for tangent, slope in zip(tangents, self.slopes, strict=True)
            if tangent is not None
        ]
        return tf.add_n(parts)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Look the slopes up at each window, multiply and add."""
        frame = union([t.frame for t in tangents if t is not None])
        parts = [
            tangent.reframed(frame).values * slope.at(frame)
            for tangent, slope in zip(tangents, self.slopes, strict=True)
            if tangent is not None
        ]
        clean = all(not s.uniform for s in self.slopes) or all(
            t is None or t.clean for t in tangents
        )
        return Window(frame, tf.add_n(parts), clean)


class Scale(Linear):
    """Batch norm for inference: every channel is multiplied by scale / sqrt(variance + epsilon)."""

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Compute the factor of each channel, (channel)."""
        super().__init__(step)
        _, scale, _, _, variance = step.inputs
        self.factor = scale * tf.math.rsqrt(variance + step.node.attr["epsilon"].f)

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply by the factors."""
        return only(tangents) * self.factor

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Multiply by the factors."""
        window = only(tangents)
        return Window(window.frame, window.values * self.factor, window.clean)


class LocalResponse(Linear):
    """LRN: x / s^beta with s = bias + alpha * sum of x^2 over the neighbouring channels."""

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Compute the coefficients at every position and the band of neighbouring channels."""
        super().__init__(step)
        x, attributes = step.inputs[0], step.node.attr
        beta, channels = attributes["beta"].f, x.shape[-1]
        radius = attributes["depth_radius"].i
        number = tf.range(channels)
        self.band = tf.cast(tf.abs(number[:, None] - number) <= radius, x.dtype)
        energy = attributes["bias"].f + attributes["alpha"].f * tf.tensordot(x**2, self.band, 1)
        self.direct = Map(energy**-beta)
        self.cross = Map(-2 * attributes["alpha"].f * beta * x * energy ** (-beta - 1))
        self.value = Map(x)

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Add what changes the numerator and what changes the neighbours' energy."""
        tangent = only(tangents)
        neighbours = tf.tensordot(self.value.values * tangent, self.band, 1)
        return self.direct.values * tangent + self.cross.values * neighbours

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Do the same with the coefficients of each window."""
        window = only(tangents)
        frame, values = window.frame, window.values
        neighbours = tf.tensordot(self.value.at(frame) * values, self.band, 1)
        return Window(frame, self.direct.at(frame) * values + self.cross.at(frame) * neighbours)


class Softmax(Linear):
    """Softmax over the last axis: y * (v - sum(y * v))."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Push the tangent through the softmax."""
        tangent, y = only(tangents), self.step.output
        return y * (tangent - tf.reduce_sum(y * tangent, -1, keepdims=True))
