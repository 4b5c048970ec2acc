"""Derivatives of pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import OpPoint, SlidingOp, single_tangent
from blockscope.autodiff.windows import CoefficientMap, Frame, Sliding, Window


def sliding_of(point: OpPoint) -> Sliding:
    """Read the geometry of a pooling operation."""
    kernel, stride = point.attribute("ksize"), point.attribute("strides")
    return Sliding.of(
        (kernel[1], kernel[2]), (stride[1], stride[2]), point.attribute("padding"),
        point.size_in, point.size_out,
    )  # fmt: skip


def average(values: tf.Tensor, sliding: Sliding, padding: str) -> tf.Tensor:
    """Average over the kernel's cells inside of the map; padded ones do not count."""
    return tf.nn.avg_pool2d(values, sliding.kernel, sliding.stride, padding)


class Pooling(SlidingOp):
    """A pooling of rows and columns; all take windows in both directions."""

    takes_windows = True
    pulls_windows = True

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Windows lie on rows and columns, with channels last and no padding of their own."""
        kernel = point.attribute("ksize")
        plain = point.attribute("padding") in ("SAME", "VALID")
        maps = point.attribute("data_format") == "NHWC" and kernel[0] == kernel[3] == 1
        return point.moving == (0,) and plain and maps

    def __init__(self, point: OpPoint) -> None:
        """Read the geometry."""
        super().__init__(point)
        self.sliding = sliding_of(point)


class MaxPooling(Pooling):
    """MaxPool: each output follows the input that was largest, of equal ones the first.

    Forward mode is a gather, which can be taken of a window too, and its transpose TensorFlow's
    gradient. Both take windows.
    """

    def __init__(self, point: OpPoint) -> None:
        """Find the largest input of each output."""
        super().__init__(point)
        _, place = tf.nn.max_pool_with_argmax(
            point.inputs[0], self.sliding.kernel, self.sliding.stride, point.attribute("padding"),
            output_dtype=tf.int64,
        )  # fmt: skip
        self.place = place
        self._offsets: dict[int, tf.Tensor] = {}

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Gather the tangent where the maxima were."""
        x, y, place = self.point.inputs[0], self.point.output, tf.reshape(self.place, [-1])
        kernel, stride, padding = map(self.point.attribute, ("ksize", "strides", "padding"))

        # The transpose of this gather is the gradient of the pooling itself.
        @tf.custom_gradient
        def gather(tangent: tf.Tensor) -> tuple[tf.Tensor, object]:
            batch = tf.shape(tangent)[0]
            flat = tf.reshape(tangent, [batch, -1])
            taken = tf.reshape(tf.gather(flat, place, axis=1), [batch, *y.shape[1:]])

            def scatter(upstream: tf.Tensor) -> tf.Tensor:
                return tf.raw_ops.MaxPoolGrad(
                    orig_input=tf.repeat(x, batch, 0), orig_output=tf.repeat(y, batch, 0),
                    grad=upstream, ksize=kernel, strides=stride, padding=padding,
                )  # fmt: skip

            return taken, scatter

        return gather(single_tangent(tangents))

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Gather inside each window, widened by zeros to all that its outputs read.

        A maximum outside of the input's window falls on such a zero.
        """
        window = single_tangent(tangents).masked(self.point.size_in)
        frame = self.sliding.outputs_of(window.frame)
        wide = window.reframed(self.sliding.inputs_of(frame))
        values = tf.gather(tf.reshape(wide.values, [-1]), self._number(frame, wide.frame))
        return Window(frame, values, clean=False)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Scatter inside each window, widened to all that its outputs read."""
        window = cotangent.masked(self.point.size_out)
        frame = self.inputs_of(window.frame)
        shape = [len(frame.top), frame.rows, frame.cols, window.values.shape[-1]]
        values = tf.raw_ops.MaxPoolGradWithArgmax(
            input=tf.zeros(shape, window.values.dtype), grad=window.values,
            argmax=tf.cast(self._number(window.frame, frame), tf.int64),
            ksize=[1, *self.sliding.kernel, 1], strides=[1, *self.sliding.stride, 1],
            padding="VALID", include_batch_in_index=True,
        )  # fmt: skip
        return [Window(frame, values)]

    def _number(self, outputs: Frame, inputs: Frame) -> tf.Tensor:
        """Return each output's maximum as an index of the flat windows of all that is read.

        (batch, row, col, channel). It is where the output's kernel begins, which depends on its
        place in the window, plus how far the maximum lies from there, which depends on its place in
        the map and is looked up.
        """
        rows, cols, channels = inputs.rows, inputs.cols, self.point.output.shape[-1]
        down, right = self.sliding.stride
        corner = np.arange(len(inputs.top))[:, None, None] * rows * cols
        corner = corner + np.arange(outputs.rows)[:, None] * down * cols
        corner = (corner + np.arange(outputs.cols) * right) * channels
        offset = tf.gather(self._offset(cols), outputs.index(self.point.size_out))
        return offset + tf.constant(corner[..., None], tf.int32)

    def _offset(self, cols: int) -> tf.Tensor:
        """Return how far each output's maximum lies from its kernel's first cell.

        (output position, channel), in entries of a flat window of ``cols`` columns; the last row
        stands for outputs outside of the map.
        """
        if cols not in self._offsets:
            channels, (rows_out, cols_out) = self.point.output.shape[-1], self.point.size_out
            (down, right), (above, before) = self.sliding.stride, self.sliding.before
            cell = self.place.numpy()[0] // channels
            first_row = (np.arange(rows_out) * down - above)[:, None, None]
            first_col = (np.arange(cols_out) * right - before)[:, None]
            row = cell // self.point.size_in[1] - first_row
            col = cell % self.point.size_in[1] - first_col
            entry = (row * cols + col) * channels + np.arange(channels)
            table = np.pad(entry.reshape(-1, channels), [(0, 1), (0, 0)])
            self._offsets[cols] = tf.constant(table, tf.int32)
        return self._offsets[cols]


class AveragePooling(Pooling):
    """AvgPool: linear, so the tangent is pooled."""

    def __init__(self, point: OpPoint) -> None:
        """Count the cells that each output averages: fewer at a padded border."""
        super().__init__(point)
        self.counts = share_of_cells(point, self.sliding)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Pool the tangent."""
        return average(single_tangent(tangents), self.sliding, self.point.attribute("padding"))

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window | tf.Tensor:
        """Pool each window; a kernel of the map's size needs only the sum."""
        window = single_tangent(tangents).masked(self.point.size_in)
        if self.sliding.kernel == self.point.size_in and self.point.size_out == (1, 1):
            rows, cols = self.sliding.kernel
            return tf.reduce_sum(window.values, [1, 2], keepdims=True) / (rows * cols)
        frame, pooled = pool_window(window, self.sliding)
        return Window(frame, pooled * self.counts.at(frame))

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Spread each output over the cells that it averages."""
        weighted = cotangent.masked(self.point.size_out).values * self.counts.at(cotangent.frame)
        return [spread_window(Window(cotangent.frame, weighted), self.sliding)]


def share_of_cells(point: OpPoint, sliding: Sliding) -> CoefficientMap:
    """Return kernel cells / cells inside of the map, at every output, (1, row, col, 1)."""
    ones = tf.ones([1, *point.size_in, 1], point.output.dtype)
    rows, cols = sliding.kernel
    (top, left), (down, right) = sliding.before, sliding.stride
    need_rows = (point.size_out[0] - 1) * down + rows - point.size_in[0] - top
    need_cols = (point.size_out[1] - 1) * right + cols - point.size_in[1] - left
    edges = [[0, 0], [top, max(need_rows, 0)], [left, max(need_cols, 0)], [0, 0]]
    # Ones pooled as a window is, padded by zeros: the share of a kernel's cells inside of the map.
    filled = tf.nn.avg_pool2d(tf.pad(ones, edges), sliding.kernel, sliding.stride, "VALID")
    return CoefficientMap(1 / filled[:, : point.size_out[0], : point.size_out[1]])


def pool_window(window: Window, sliding: Sliding) -> tuple[Frame, tf.Tensor]:
    """Average a clean window over all kernel cells, those outside of the map included as zeros."""
    frame = sliding.outputs_of(window.frame)
    wide = window.reframed(sliding.inputs_of(frame))
    return frame, tf.nn.avg_pool2d(wide.values, sliding.kernel, sliding.stride, "VALID")


def spread_window(window: Window, sliding: Sliding) -> Window:
    """Return the transpose of ``pool_window``."""
    frame = sliding.inputs_of(window.frame)
    values = tf.raw_ops.AvgPoolGrad(
        orig_input_shape=[len(frame.top), frame.rows, frame.cols, window.values.shape[-1]],
        grad=window.values, ksize=[1, *sliding.kernel, 1], strides=[1, *sliding.stride, 1],
        padding="VALID",
    )  # fmt: skip
    return Window(frame, values, clean=False)
