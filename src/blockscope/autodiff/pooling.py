"""Tangents through pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from blockscope.autodiff.gradient_overrides import BLUR, SMOOTH_EPSILON, blur
from blockscope.autodiff.linear_op import Linear, Step, only
from blockscope.autodiff.windows import Frame, Map, Sliding, Window


def sliding_of(step: Step) -> Sliding:
    """Read the geometry of a pooling operation."""
    kernel, stride = step.ints("ksize"), step.ints("strides")
    return Sliding.of(
        (kernel[1], kernel[2]), (stride[1], stride[2]), step.text("padding"),
        step.size_in, step.size_out,
    )  # fmt: skip


def average(values: tf.Tensor, sliding: Sliding, padding: str) -> tf.Tensor:
    """Average over windows; padding does not count."""
    return tf.nn.avg_pool2d(values, sliding.kernel, sliding.stride, padding)


class MaxPooling(Linear):
    """MaxPool: each output follows the input that was largest, of equal ones the first.

    TensorFlow's own second derivative of max pooling is wrong with SAME padding on the CPU, so
    forward mode must not be built from it. This is a gather, and its transpose TensorFlow's first
    derivative.
    """

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Find the largest input of each output."""
        super().__init__(step)
        self.sliding = sliding_of(step)
        _, place = tf.nn.max_pool_with_argmax(
            step.inputs[0], self.sliding.kernel, self.sliding.stride, step.text("padding"),
            output_dtype=tf.int64,
        )  # fmt: skip
        self.place = place
        self._offsets: dict[int, tf.Tensor] = {}

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Gather the tangent where the maxima were."""
        x, y, place = self.step.inputs[0], self.step.output, tf.reshape(self.place, [-1])

        @tf.custom_gradient
        def gather(tangent: tf.Tensor) -> tuple[tf.Tensor, object]:
            batch = tf.shape(tangent)[0]
            flat = tf.reshape(tangent, [batch, -1])
            taken = tf.reshape(tf.gather(flat, place, axis=1), [batch, *y.shape[1:]])

            def scatter(upstream: tf.Tensor) -> tf.Tensor:
                return tf.raw_ops.MaxPoolGrad(
                    orig_input=tf.repeat(x, batch, 0), orig_output=tf.repeat(y, batch, 0),
                    grad=upstream, ksize=self.step.ints("ksize"),
                    strides=self.step.ints("strides"), padding=self.step.text("padding"),
                )  # fmt: skip

            return taken, scatter

        return gather(only(tangents))

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Gather inside each window, widened by zeros to all that its outputs see."""
        window = only(tangents).cleaned(self.step.size_in)
        reached = self.sliding.reached(window.frame)
        wide = window.reframed(self.sliding.seen(reached))
        batch, rows, cols, channels = wide.values.shape
        down, right = self.sliding.stride
        corner = np.arange(batch)[:, None, None] * rows * cols
        corner = corner + np.arange(reached.rows)[:, None] * down * cols
        corner = (corner + np.arange(reached.cols) * right) * channels
        offset = tf.gather(self._offset(cols), reached.index(self.step.size_out))
        number = offset + tf.constant(corner[..., None], tf.int32)
        values = tf.gather(tf.reshape(wide.values, [-1]), number)
        return Window(reached, values, clean=False)

    def _offset(self, cols: int) -> tf.Tensor:
        """Return where each output's maximum lies from its corner, in windows of ``cols`` columns.

        In entries of a flat window; (output position, channel), the last row for "outside of the
        map".
        """
        if cols not in self._offsets:
            channels, (rows_out, cols_out) = self.step.output.shape[-1], self.step.size_out
            (down, right), (above, beside) = self.sliding.stride, self.sliding.before
            cell = self.place.numpy()[0] // channels
            first_row = (np.arange(rows_out) * down - above)[:, None, None]
            first_col = (np.arange(cols_out) * right - beside)[:, None]
            row, col = (
                cell // self.step.size_in[1] - first_row,
                cell % self.step.size_in[1] - first_col,
            )
            entry = (row * cols + col) * channels + np.arange(channels)
            table = np.pad(entry.reshape(-1, channels), [(0, 1), (0, 0)])
            self._offsets[cols] = tf.constant(table, tf.int32)
        return self._offsets[cols]


class AveragePooling(Linear):
    """AvgPool: linear, so the tangent is pooled."""

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Count the cells that each output averages: fewer at a padded border."""
        super().__init__(step)
        self.sliding = sliding_of(step)
        self.counts = _share_of_cells(step, self.sliding)

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Pool the tangent."""
        return average(only(tangents), self.sliding, self.step.text("padding"))

    def windows(self, tangents: Sequence[Window | None]) -> Window | tf.Tensor:
        """Pool each window; over the whole map that is a sum."""
        window = only(tangents).cleaned(self.step.size_in)
        if self.sliding.kernel == self.step.size_in and self.step.size_out == (1, 1):
            rows, cols = self.sliding.kernel
            return tf.reduce_sum(window.values, [1, 2], keepdims=True) / (rows * cols)
        reached, pooled = _pool_window(window, self.sliding)
        return Window(reached, pooled * self.counts.at(reached))


def _share_of_cells(step: Step, sliding: Sliding) -> Map:
    """Return kernel cells / cells inside of the map, at every output, (1, row, col, 1)."""
    ones = tf.ones([1, *step.size_in, 1], step.output.dtype)
    rows, cols = sliding.kernel
    (top, left), (down, right) = sliding.before, sliding.stride
    need_rows = (step.size_out[0] - 1) * down + rows - step.size_in[0] - top
    need_cols = (step.size_out[1] - 1) * right + cols - step.size_in[1] - left
    edges = [[0, 0], [top, max(need_rows, 0)], [left, max(need_cols, 0)], [0, 0]]
    filled = tf.nn.avg_pool2d(tf.pad(ones, edges), sliding.kernel, sliding.stride, "VALID")
    return Map(1 / filled[:, : step.size_out[0], : step.size_out[1]])


def _pool_window(window: Window, sliding: Sliding) -> tuple[Frame, tf.Tensor]:
    """Average a clean window over all kernel cells, those outside of the map included as zeros."""
    reached = sliding.reached(window.frame)
    wide = window.reframed(sliding.seen(reached))
    return reached, tf.nn.avg_pool2d(wide.values, sliding.kernel, sliding.stride, "VALID")


class SmoothPooling(Linear):
    """Forward mode of the override ``smooth``: the tangent of avg(x^2) / (epsilon + avg|x|).

    It is F1 * avg(2x * v) + F2 * avg(sign(x) * v) with F1, F2 fixed at the point. With
    ``blurred`` the tangent is blurred first, because forward mode runs through the transposed
    maps in reverse order.
    """

    takes_windows = True
    blurred = False

    def __init__(self, step: Step) -> None:
        """Compute the coefficients before and after the averages."""
        super().__init__(step)
        self.sliding = sliding_of(step)
        self.padding = step.text("padding")
        x = step.inputs[0]
        below = SMOOTH_EPSILON + average(tf.abs(x), self.sliding, self.padding)
        above = average(tf.square(x), self.sliding, self.padding)
        self.before = (Map(2 * x), Map(tf.sign(x)))
        self.after = (1 / below, -above / tf.square(below))
        counts = _share_of_cells(step, self.sliding).values
        self.after_windows = tuple(Map(factor * counts) for factor in self.after)

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Push tangents on whole maps."""
        tangent = blur(only(tangents)) if self.blurred else only(tangents)
        parts = [
            after * average(before.values * tangent, self.sliding, self.padding)
            for before, after in zip(self.before, self.after, strict=True)
        ]
        return tf.add_n(parts)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Push windows; a blurred one grows by a cell on every side."""
        window = only(tangents).cleaned(self.step.size_in)
        if self.blurred:
            grown = Frame(
                window.frame.top - 1, window.frame.left - 1,
                window.frame.rows + len(BLUR) - 1, window.frame.cols + len(BLUR) - 1,
            )  # fmt: skip
            window = Window(grown, blur(window.reframed(grown).values), clean=False)
        parts = []
        for before, after in zip(self.before, self.after_windows, strict=True):
            part = Window(window.frame, window.values * before.at(window.frame))
            reached, pooled = _pool_window(part, self.sliding)
            parts.append(pooled * after.at(reached))
        return Window(reached, tf.add_n(parts))


class BlurredSmoothPooling(SmoothPooling):
    """Forward mode of the override ``smooth-blur``."""

    blurred = True
