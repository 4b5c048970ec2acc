"""Derivatives of convolutions with constant weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, SlidingOp, single_tangent
from blockscope.autodiff.windows import Frame, Size, Sliding, Window
from blockscope.models.graph.operations import apply


class Convolution(SlidingOp):
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
        self.grouped = self.weights.shape[2] != point.inputs[0].shape[3]
        self.pulls_windows = not self.grouped

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Channels come last, and the weights do not move."""
        return point.moving == (0,) and point.attribute("data_format") == "NHWC"

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Convolve the tangent."""
        tangent = single_tangent(tangents)
        return self._convolve(tangent, self.sliding.stride, self.padding)

    def _convolve(
        self, values: tf.Tensor, stride: Size, padding: str | list[list[int]]
    ) -> tf.Tensor:
        if self.grouped:
            return convolve_groups(values, self.weights, stride, padding)
        return tf.nn.conv2d(values, self.weights, stride, padding)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Convolve the window; what its zero surroundings would add is never computed."""
        window = single_tangent(tangents).masked(self.point.size_in)
        if (
            self.sliding.kernel == (1, 1)
            and self.sliding.stride == (1, 1)
            and not any(self.sliding.before)
        ):
            return Window(window.frame, self._convolve(window.values, (1, 1), "VALID"))
        frame = self.sliding.outputs_of(window.frame)
        if self.sliding.stride == (1, 1) and not self.grouped:
            # A transposed convolution spreads every cell over the outputs that it reaches, without
            # a padded copy of the window. Seen from the input, the kernel lies the other way round.
            shape = [len(frame.top), frame.rows, frame.cols, self.weights.shape[3]]
            if window.frame.rows == window.frame.cols == 1:
                values = tf.reshape(window.values[:, 0, 0] @ self._of_one_cell, shape)
            else:
                values = tf.nn.conv2d_transpose(window.values, self._turned, shape, 1, "VALID")
            return Window(frame, values, clean=False)
        # With a stride, it depends on the window's place in the map where kernels begin. Widened to
        # all that its outputs read, the window begins where a kernel does, whatever its place.
        wide = window.reframed(self.sliding.inputs_of(frame))
        values = self._convolve(wide.values, self.sliding.stride, "VALID")
        return Window(frame, values, clean=False)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Spread each cell over the inputs that its output reads: a transposed convolution."""
        window = cotangent.masked(self.point.size_out)
        batch, rows, cols, outputs = window.values.shape
        size_in, kernel, stride = self.point.size_in, self.sliding.kernel, self.sliding.stride
        channels = self.weights.shape[2]
        if window.frame.is_whole(self.point.size_out):
            values = tf.nn.conv2d_transpose(
                window.values, self.weights, [batch, *size_in, channels], stride, self.padding
            )
            return [Window(Frame.whole(batch, size_in), values)]
        frame = self.inputs_of(window.frame)
        shape = [batch, frame.rows, frame.cols, channels]
        # Where outputs share no input, it is a product of matrices, which is faster.
        if kernel == (1, 1) == stride or rows == cols == 1:
            values = tf.reshape(window.values, [-1, outputs]) @ self._of_one_output
            return [Window(frame, tf.reshape(values, shape), clean=False)]
        values = tf.nn.conv2d_transpose(window.values, self.weights, shape, stride, "VALID")
        return [Window(frame, values, clean=False)]

    @cached_property
    def _of_one_output(self) -> tf.Tensor:
        outputs = self.weights.shape[3]
        return tf.reshape(tf.transpose(self.weights, [3, 0, 1, 2]), [outputs, -1])

    @cached_property
    def _turned(self) -> tf.Tensor:
        return tf.transpose(tf.reverse(self.weights, [0, 1]), [0, 1, 3, 2])

    @cached_property
    def _of_one_cell(self) -> tf.Tensor:
        channels = self.weights.shape[2]
        return tf.reshape(tf.transpose(self._turned, [3, 0, 1, 2]), [channels, -1])

    def cost(self, cells: int) -> int:
        """Count multiplications: every input cell meets every weight, once per stride step."""
        stride = self.sliding.stride[0] * self.sliding.stride[1]
        return cells * int(self.weights.shape.num_elements()) // stride

    def cost_back(self, cells: int) -> int:
        """Count multiplications: every output cell meets every weight."""
        return cells * int(self.weights.shape.num_elements())


def convolve_groups(
    x: tf.Tensor, weights: tf.Tensor, stride: Size, padding: str | list[list[int]]
) -> tf.Tensor:
    """Convolve groups of channels by themselves; TensorFlow lacks the gradient on a processor.

    That is a grouped convolution too: of the upstream gradient, with zeros between its cells where
    there is a stride, by the kernels turned round.
    """
    rows, cols, _, outputs = weights.shape
    channels = x.shape[3]

    @tf.custom_gradient
    def forward(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        y = tf.nn.conv2d(values, weights, stride, padding)
        # A traced function would join it with a bias and ReLU, which TensorFlow cannot of groups.
        y = tf.ensure_shape(y, y.shape)
        explicit = (0, 0) if isinstance(padding, str) else (padding[1][0], padding[2][0])
        name = padding if isinstance(padding, str) else "EXPLICIT"
        size_in, size_out = tuple(x.shape[1:3]), tuple(y.shape[1:3])
        sliding = Sliding.of((rows, cols), stride, name, size_in, size_out, explicit)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            groups = channels // weights.shape[2]
            split = tf.reshape(weights, [rows, cols, -1, groups, outputs // groups])
            turned = tf.reverse(tf.transpose(split, [0, 1, 4, 3, 2]), [0, 1])
            turned = tf.reshape(turned, [rows, cols, outputs // groups, channels])
            spread = upstream
            edges = []
            for axis, before in enumerate(sliding.before):
                spread = _with_zeros_between(spread, stride[axis], axis + 1)
                above = sliding.kernel[axis] - 1 - before
                edges.append([above, size_in[axis] + before - spread.shape[axis + 1]])
            return tf.nn.conv2d(_fitted(spread, edges), turned, 1, "VALID")

        return y, gradient

    return forward(x)


def _fitted(values: tf.Tensor, edges: Sequence[Sequence[int]]) -> tf.Tensor:
    """Return a map with as many zeros more at its edges; fewer cells where the number is below 0.

    An output that lies in the padding alone reads none of the input.
    """
    rows, cols = (slice(max(-a, 0), b if b < 0 else None) for a, b in edges)
    pads = [[max(a, 0), max(b, 0)] for a, b in edges]
    return tf.pad(values[:, rows, cols], [[0, 0], *pads, [0, 0]])


def _with_zeros_between(values: tf.Tensor, step: int, axis: int) -> tf.Tensor:
    """Return values with ``step`` - 1 zeros after each but the last, along an axis."""
    if step == 1:
        return values
    spread = tf.stack([values] + [tf.zeros_like(values)] * (step - 1), axis + 1)
    sizes = [-1, *values.shape[1:]]
    sizes[axis] *= step
    kept = sizes[axis] - step + 1
    return tf.gather(tf.reshape(spread, sizes), tf.range(kept), axis=axis)


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

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Spread each cell, channel by channel."""
        window = cotangent.masked(self.point.size_out)
        frame = self.inputs_of(window.frame)
        values = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=[len(frame.top), frame.rows, frame.cols, self.weights.shape[2]],
            filter=self.weights, out_backprop=window.values,
            strides=[1, *self.sliding.stride, 1], padding="VALID",
        )  # fmt: skip
        return [Window(frame, values, clean=False)]


class TransposedConvolution(LinearOp):
    """Conv2DBackpropInput: the tangent is spread by the kernels, as the value is."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Only what is spread may move, the third input."""
        return point.moving == (2,)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Spread the tangent; the size stored in the graph is for one image."""
        tangent = tangents[2]
        sizes = tf.concat([tf.shape(tangent)[:1], self.point.output.shape[1:]], 0)
        return apply(self.point.node, [sizes, self.point.inputs[1], tangent])[0]

    def cost(self, cells: int) -> int:
        """Count multiplications: every input cell meets every weight."""
        rows, cols = self.point.inputs[2].shape[1:3]
        return rows * cols * int(self.point.inputs[1].shape.num_elements())
