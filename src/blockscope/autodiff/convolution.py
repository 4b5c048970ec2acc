"""Derivatives of convolutions and matrix products with constant weights."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockscope.autodiff.linear_op import LinearOp, OpPoint, single_tangent
from blockscope.autodiff.windows import Sliding, Window


class Convolution(LinearOp):
    """Conv2D: the tangent of a convolution is the convolution of the tangent."""

    takes_windows = True

    def __init__(self, point: OpPoint) -> None:
        """Read the geometry; the weights are the second input."""
        super().__init__(point)
        self.weights = dilated(point.inputs[1], point.attribute("dilations")[1:3])
        rows, cols, *_ = self.weights.shape
        _, down, right, _ = point.attribute("strides")
        explicit = point.attribute("explicit_paddings")
        self.padding: str | list[list[int]] = point.attribute("padding")
        self.sliding = Sliding.of(
            (rows, cols), (down, right), point.attribute("padding"),
            point.size_in, point.size_out, (explicit[2], explicit[4]) if explicit else (0, 0),
        )  # fmt: skip
        if self.padding == "EXPLICIT":
            self.padding = [explicit[i : i + 2] for i in range(0, 8, 2)]
        if point.attribute("data_format") == "NCHW":
            raise NotImplementedError("convolution with channels first")

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Convolve the tangent."""
        tangent = single_tangent(tangents)
        return tf.nn.conv2d(tangent, self.weights, self.sliding.stride, self.padding)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Convolve the window; what its zero surroundings would add is never computed."""
        window = single_tangent(tangents).masked(self.point.size_in)
        frame = self.sliding.outputs_of(window.frame)
        if self.sliding.kernel == (1, 1) and self.sliding.stride == (1, 1):
            return Window(frame, tf.nn.conv2d(window.values, self.weights, 1, "VALID"))
        if self.sliding.stride == (1, 1):
            # A transposed convolution spreads every cell over the outputs that it reaches, without
            # a padded copy of the window. Seen from the input, the kernel lies the other way round.
            shape = [len(frame.top), frame.rows, frame.cols, self.weights.shape[3]]
            turned = tf.transpose(tf.reverse(self.weights, [0, 1]), [0, 1, 3, 2])
            values = tf.nn.conv2d_transpose(window.values, turned, shape, 1, "VALID")
            return Window(frame, values, clean=False)
        # With a stride, it depends on the window's place in the map where kernels begin. Widened to
        # all that its outputs read, the window begins where a kernel does, whatever its place.
        wide = window.reframed(self.sliding.inputs_of(frame))
        values = tf.nn.conv2d(wide.values, self.weights, self.sliding.stride, "VALID")
        return Window(frame, values, clean=False)

    def cost(self, cells: int) -> int:
        """Count multiplications: every input cell meets every weight, once per stride step."""
        stride = self.sliding.stride[0] * self.sliding.stride[1]
        return cells * int(self.weights.shape.num_elements()) // stride


def dilated(weights: tf.Tensor, dilations: list[int]) -> tf.Tensor:
    """Return a kernel dilated by inserting zeros: the CPU has no gradient of dilated convolutions.

    ``weights``: (row, col, ...); ``dilations``: of rows and of columns.
    """
    for axis, dilation in enumerate(dilations):
        if dilation > 1:
            shape = list(weights.shape)
            spread = tf.stack([weights] + [tf.zeros_like(weights)] * (dilation - 1), axis + 1)
            shape[axis] *= dilation
            kept = shape[axis] - dilation + 1  # without the zeros after the last entry
            weights = tf.gather(tf.reshape(spread, shape), tf.range(kept), axis=axis)
    return weights


class DepthwiseConvolution(Convolution):
    """DepthwiseConv2dNative: one kernel per channel."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Convolve each channel of the tangent."""
        stride = [1, *self.sliding.stride, 1]
        return tf.nn.depthwise_conv2d(single_tangent(tangents), self.weights, stride, self.padding)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Convolve each channel of the window."""
        window = single_tangent(tangents).masked(self.point.size_in)
        frame = self.sliding.outputs_of(window.frame)
        wide = window.reframed(self.sliding.inputs_of(frame))
        stride = [1, *self.sliding.stride, 1]
        values = tf.nn.depthwise_conv2d(wide.values, self.weights, stride, "VALID")
        return Window(frame, values, clean=False)


class MatMul(LinearOp):
    """MatMul of the tangent (batch, in) with constant weights (in, out)."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply the tangent by the weights."""
        if self.point.attribute("transpose_a"):
            raise NotImplementedError("a matrix product with its first factor transposed")
        transpose = self.point.attribute("transpose_b")
        return tf.matmul(single_tangent(tangents), self.point.inputs[1], transpose_b=transpose)

    def cost(self, cells: int) -> int:
        """Count the weights."""
        return int(self.point.inputs[1].shape.num_elements())
