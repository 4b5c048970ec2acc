"""Tangents through convolutions and matrix products with constant weights."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockscope.autodiff.linear_op import Linear, Step, only
from blockscope.autodiff.windows import Sliding, Window


class Convolution(Linear):
    """Conv2D: the tangent of a convolution is the convolution of the tangent."""

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Read the geometry; the weights are the second input."""
        super().__init__(step)
        self.weights = dilated(step.inputs[1], step.ints("dilations")[1:3])
        rows, cols, *_ = self.weights.shape
        explicit = step.ints("explicit_paddings")
        self.padding: str | list[list[int]] = step.text("padding")
        self.sliding = Sliding.of(
            (rows, cols), (step.ints("strides")[1], step.ints("strides")[2]), step.text("padding"),
            step.size_in, step.size_out, (explicit[2], explicit[4]) if explicit else (0, 0),
        )  # fmt: skip
        if self.padding == "EXPLICIT":
            self.padding = [explicit[i : i + 2] for i in range(0, 8, 2)]
        if step.text("data_format") == "NCHW":
            raise NotImplementedError("convolution with channels first")

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Convolve the tangent."""
        return tf.nn.conv2d(only(tangents), self.weights, self.sliding.stride, self.padding)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Convolve the window alone; at stride 1 each cell is spread over the kernel's extent."""
        window = only(tangents).cleaned(self.step.size_in)
        reached = self.sliding.reached(window.frame)
        if self.sliding.kernel == (1, 1) and self.sliding.stride == (1, 1):
            return Window(reached, tf.nn.conv2d(window.values, self.weights, 1, "VALID"))
        if self.sliding.stride == (1, 1):
            shape = [len(reached.top), reached.rows, reached.cols, self.weights.shape[3]]
            turned = tf.transpose(tf.reverse(self.weights, [0, 1]), [0, 1, 3, 2])
            values = tf.nn.conv2d_transpose(window.values, turned, shape, 1, "VALID")
            return Window(reached, values, clean=False)
        wide = window.reframed(self.sliding.seen(reached))
        values = tf.nn.conv2d(wide.values, self.weights, self.sliding.stride, "VALID")
        return Window(reached, values, clean=False)

    def cost(self, cells: int) -> int:
        """Count multiplications: every input cell meets every weight, once per stride step."""
        step = self.sliding.stride[0] * self.sliding.stride[1]
        return cells * int(self.weights.shape.num_elements()) // step


def dilated(weights: tf.Tensor, dilations: list[int]) -> tf.Tensor:
    """Spread a kernel by zeros, because the CPU has no gradient of dilated convolutions."""
    for axis, dilation in enumerate(dilations):
        if dilation > 1:
            shape = list(weights.shape)
            spread = tf.stack([weights] + [tf.zeros_like(weights)] * (dilation - 1), axis + 1)
            shape[axis] *= dilation
            kept = shape[axis] - dilation + 1
            weights = tf.gather(tf.reshape(spread, shape), tf.range(kept), axis=axis)
    return weights


class Depthwise(Convolution):
    """DepthwiseConv2dNative: one kernel per channel."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Convolve each channel of the tangent."""
        stride = [1, *self.sliding.stride, 1]
        return tf.nn.depthwise_conv2d(only(tangents), self.weights, stride, self.padding)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Convolve each channel of the window."""
        window = only(tangents).cleaned(self.step.size_in)
        reached = self.sliding.reached(window.frame)
        wide = window.reframed(self.sliding.seen(reached))
        stride = [1, *self.sliding.stride, 1]
        values = tf.nn.depthwise_conv2d(wide.values, self.weights, stride, "VALID")
        return Window(reached, values, clean=False)


class MatrixProduct(Linear):
    """MatMul of the tangent (batch, in) with constant weights (in, out)."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply the tangent by the weights."""
        if self.step.node.attr["transpose_a"].b:
            raise NotImplementedError("a matrix product with its first factor transposed")
        transpose = self.step.node.attr["transpose_b"].b
        return tf.matmul(only(tangents), self.step.inputs[1], transpose_b=transpose)

    def cost(self, cells: int) -> int:
        """Count the weights."""
        return int(self.step.inputs[1].shape.num_elements())
