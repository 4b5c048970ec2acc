"""Derivatives of operations that treat every entry, or every position, separately."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, same_ranks, single_tangent
from blockscope.autodiff.roots import apply_with_roots
from blockscope.autodiff.windows import CoefficientMap, Window, union


class Elementwise(LinearOp):
    """Any function of one or two operands entry by entry, with broadcasting.

    Its derivative is taken once, at the point, by TensorFlow; a tangent is multiplied by it.
    """

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Whatever moves has as many axes as the result, so that images meet images."""
        return same_ranks(point)

    def __init__(self, point: OpPoint) -> None:
        """Differentiate the function at the point."""
        super().__init__(point)
        shape = tf.shape(point.output)
        operands = [tf.broadcast_to(value, shape) for value in point.inputs]
        with tf.GradientTape() as tape:
            tape.watch(operands)
            (result,) = apply_with_roots(point.node, operands)
        slopes = tape.gradient(result, operands, unconnected_gradients="zero")
        self.slopes = [
            CoefficientMap(slope) if slope.shape.rank == 4 else slope for slope in slopes
        ]
        self.takes_windows = point.output.shape.rank == 4
        equal = all(point.inputs[i].shape == point.output.shape for i in point.moving)
        self.pulls_windows = self.takes_windows and equal
        # Where the function has a pole, as Rsqrt at 0, no tangent must not become NaN.
        finite = all(bool(tf.reduce_all(tf.math.is_finite(slope))) for slope in slopes)
        self._times = tf.multiply if finite else _or_nothing

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply each tangent by its slope and add."""
        parts = [
            self._times(tangent, slope.values if isinstance(slope, CoefficientMap) else slope)
            for tangent, slope in zip(tangents, self.slopes, strict=True)
            if tangent is not None
        ]
        return tf.add_n(parts)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Look the slopes up at each window, multiply and add."""
        frame = union([t.frame for t in tangents if t is not None])
        parts = [
            self._times(tangent.reframed(frame).values, slope.at(frame))
            for tangent, slope in zip(tangents, self.slopes, strict=True)
            if tangent is not None
        ]
        # A slope looked up at every position is zero outside of the map, and so is the product.
        clean = all(not s.uniform for s in self.slopes) or all(
            t is None or t.clean for t in tangents
        )
        return Window(frame, tf.add_n(parts), clean)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Multiply by the slope of each input that moves."""
        frame = cotangent.frame
        slopes = [self.slopes[number] for number in self.point.moving]
        return [
            Window(
                frame, self._times(cotangent.values, s.at(frame)), cotangent.clean or not s.uniform
            )
            for s in slopes
        ]


def _or_nothing(tangent: tf.Tensor, slope: tf.Tensor) -> tf.Tensor:
    """Multiply; 0 where the tangent is, whatever the slope."""
    return tf.math.multiply_no_nan(slope, tangent)


class BatchNorm(LinearOp):
    """Batch norm for inference: every channel is multiplied by scale / sqrt(variance + epsilon)."""

    takes_windows = True
    pulls_windows = True

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Channels come last, and the statistics are constants."""
        training, layout = point.attribute("is_training"), point.attribute("data_format")
        return point.moving == (0,) and not training and layout == "NHWC"

    def __init__(self, point: OpPoint) -> None:
        """Compute the factor of each channel, (channel)."""
        super().__init__(point)
        _, scale, _, _, variance = point.inputs
        self.factor = scale * tf.math.rsqrt(variance + point.attribute("epsilon"))

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply by the factors."""
        return single_tangent(tangents) * self.factor

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Multiply by the factors."""
        window = single_tangent(tangents)
        return Window(window.frame, window.values * self.factor, window.clean)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Multiply by the factors."""
        return [Window(cotangent.frame, cotangent.values * self.factor, cotangent.clean)]


class LRN(LinearOp):
    """LRN: x / s^beta with s = bias + alpha * sum of x^2 over the neighbouring channels."""

    takes_windows = True
    pulls_windows = True

    def __init__(self, point: OpPoint) -> None:
        """Compute the coefficients at every position and the band of neighbouring channels."""
        super().__init__(point)
        x = point.inputs[0]
        radius, bias, alpha, beta = (
            point.attribute(name) for name in ("depth_radius", "bias", "alpha", "beta")
        )
        number = tf.range(x.shape[-1])
        self.band = tf.cast(tf.abs(number[:, None] - number) <= radius, x.dtype)
        energy = bias + alpha * tf.tensordot(x**2, self.band, 1)
        self.direct = CoefficientMap(energy**-beta)
        self.cross = CoefficientMap(-2 * alpha * beta * x * energy ** (-beta - 1))
        self.value = CoefficientMap(x)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Add what changes the numerator and what changes the neighbours' energy."""
        tangent = single_tangent(tangents)
        neighbours = tf.tensordot(self.value.values * tangent, self.band, 1)
        return self.direct.values * tangent + self.cross.values * neighbours

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Do the same with the coefficients of each window."""
        window = single_tangent(tangents)
        frame, values = window.frame, window.values
        neighbours = tf.tensordot(self.value.at(frame) * values, self.band, 1)
        return Window(frame, self.direct.at(frame) * values + self.cross.at(frame) * neighbours)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Do the same in reverse; the band is its own transpose."""
        frame, values = cotangent.frame, cotangent.values
        neighbours = tf.tensordot(self.cross.at(frame) * values, self.band, 1)
        found = self.direct.at(frame) * values + self.value.at(frame) * neighbours
        return [Window(frame, found)]


class Softmax(LinearOp):
    """Softmax over the last axis: y * (v - sum(y * v))."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Return y * (v - sum(y * v))."""
        tangent, y = single_tangent(tangents), self.point.output
        return y * (tangent - tf.reduce_sum(y * tangent, -1, keepdims=True))
