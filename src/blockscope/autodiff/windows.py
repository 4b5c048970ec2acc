"""Tangents that are zero but for a small window of the map.

A change at one position affects only its cone of influence. A ``Window`` holds just that part of a
tangent: one window per batch entry, all of one size, each with its own place in the map. Windows
may stick out of the map; cells outside of it do not belong to the tangent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Corners = npt.NDArray[np.int32]
Size = tuple[int, int]


def size_of(value: tf.Tensor) -> Size:
    """Return the rows and columns of maps, (batch, row, col, channel)."""
    return (value.shape[1], value.shape[2])


def cells_of(value: tf.Tensor) -> int:
    """Return the positions of maps or vectors, which have one: (batch, ..., channel)."""
    return value.shape[1:-1].num_elements() or 1


@dataclass(frozen=True, eq=False)
class Frame:
    """Where windows lie: first row and column of each (batch), and the size they share."""

    top: Corners
    left: Corners
    rows: int
    cols: int

    @cached_property
    def _indexes(self) -> dict[Size, tf.Tensor]:
        return {}  # by the map's size; many operations look up the same

    def index(self, size: Size) -> tf.Tensor:
        """Return each cell's number in a map of ``size``, (batch, row, col).

        Numbers count row by row; cells outside of the map all have rows * cols.
        """
        if size not in self._indexes:
            rows, cols = size
            row = (self.top[:, None] + np.arange(self.rows))[:, :, None]
            col = (self.left[:, None] + np.arange(self.cols))[:, None, :]
            inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
            numbers = np.where(inside, row * cols + col, rows * cols)
            self._indexes[size] = tf.constant(numbers, tf.int32)
        return self._indexes[size]

    def within(self, other: Frame) -> tf.Tensor:
        """Return the number in this frame of each cell of another, (batch, row, col).

        Those that are not in it all have rows * cols.
        """
        local = Frame(other.top - self.top, other.left - self.left, other.rows, other.cols)
        return local.index((self.rows, self.cols))

    def covers(self, size: Size, share: float) -> bool:
        """Return whether a window spans a side of a map, or more than ``share`` of its area."""
        rows, cols = size
        return self.rows >= rows or self.cols >= cols or self.rows * self.cols > share * rows * cols

    @classmethod
    def whole(cls, batch: int, size: Size) -> Frame:
        """Return frames that are whole maps of ``size``."""
        corner = np.zeros(batch, np.int32)
        return cls(corner, corner, *size)

    def is_whole(self, size: Size) -> bool:
        """Return whether each frame is a whole map of ``size``, no cell more or less."""
        return (self.rows, self.cols) == size and not self.top.any() and not self.left.any()

    def shifted(self, down: int, right: int) -> Frame:
        """Return the frame moved by a number of rows and columns."""
        return Frame(self.top + down, self.left + right, self.rows, self.cols)


@dataclass(frozen=True, eq=False)
class Window:
    """Part of a tangent: ``values`` (batch, row, col, channel) at ``frame``.

    ``clean``: cells outside of the map are known to hold zero. Operations that only scale need not
    care; those that mix cells mask the window first.
    """

    frame: Frame
    values: tf.Tensor
    clean: bool = True

    def masked(self, size: Size) -> Window:
        """Return the window with zeros in all cells outside of a map of ``size``."""
        if self.clean or self.frame.is_whole(size):
            return self
        inside = tf.cast(self.frame.index(size) < size[0] * size[1], self.values.dtype)
        return Window(self.frame, self.values * inside[..., None])

    def reframed(self, frame: Frame) -> Window:
        """Return the same tangent in another frame: cropped, and zero where it held nothing.

        A window that is not clean keeps its values outside of the map.
        """
        above, left = self.frame.top - frame.top, self.frame.left - frame.left
        below = frame.rows - self.frame.rows - above
        right = frame.cols - self.frame.cols - left
        # The usual case, all windows change by the same edges: padding is faster than looking up.
        if all(np.ptp(n) == 0 for n in (above, left, below, right)):
            edges = [[above[0], below[0]], [left[0], right[0]]]
            return Window(frame, _with_edges(self.values, edges), self.clean)
        # Otherwise the old window is a small map, in which the new frame has a place; a zero after
        # its last cell stands for all that lies outside of it.
        batch, channels = len(frame.top), self.values.shape[-1]
        flat = tf.pad(tf.reshape(self.values, [batch, -1, channels]), [[0, 0], [0, 1], [0, 0]])
        index = self.frame.within(frame)
        return Window(frame, tf.gather(flat, index, batch_dims=1), self.clean)

    def to_map(self, size: Size) -> tf.Tensor:
        """Return the whole tangent on a map of ``size``, (batch, row, col, channel)."""
        return self.masked(size).reframed(Frame.whole(len(self.frame.top), size)).values


def _with_edges(values: tf.Tensor, edges: list[list[int]]) -> tf.Tensor:
    """Return maps with as many zeros more at their edges; fewer cells where a number is below 0."""
    if np.any(np.array(edges) < 0):
        rows, cols = (slice(max(-a, 0), b if b < 0 else None) for a, b in edges)
        values = values[:, rows, cols]
        edges = [[max(a, 0), max(b, 0)] for a, b in edges]
    return tf.pad(values, [[0, 0], *edges, [0, 0]]) if np.any(edges) else values


def union(frames: list[Frame]) -> Frame:
    """Return the smallest frame that holds all given ones."""
    if len(frames) == 1:
        return frames[0]  # which knows what was looked up in it
    top = np.min([f.top for f in frames], axis=0)
    left = np.min([f.left for f in frames], axis=0)
    rows = int(np.max([f.top + f.rows - top for f in frames]))
    cols = int(np.max([f.left + f.cols - left for f in frames]))
    return Frame(top, left, rows, cols)


@dataclass(frozen=True)
class CoefficientMap:
    """Coefficients (1, row, col, channel) at every position, to be looked up by windows.

    ``outside``: what is found outside of the map.
    """

    values: tf.Tensor
    outside: float = 0

    @property
    def size(self) -> Size:
        """Rows and columns; 1 x 1 where the coefficients are the same everywhere."""
        return (self.values.shape[1], self.values.shape[2])

    @cached_property
    def _table(self) -> tf.Tensor:
        flat = tf.reshape(self.values, [-1, self.values.shape[-1]])
        # The last entry stands for "outside of the map".
        return tf.pad(flat, [[0, 1], [0, 0]], constant_values=self.outside)

    @property
    def uniform(self) -> bool:
        """Whether every position has the same coefficients, so that nothing need be looked up."""
        return self.size == (1, 1)

    def at(self, frame: Frame) -> tf.Tensor:
        """Return the coefficients in each window; (1, ...) where all windows have the same."""
        if self.uniform or frame.is_whole(self.size):
            return self.values
        return tf.gather(self._table, frame.index(self.size))

    def with_change(self, window: Window, frame: Frame) -> tf.Tensor:
        """Return in each frame the values of a map after a change, that of ``window``."""
        batch, rows, cols, channels = window.values.shape
        changed = tf.reshape(self.at(window.frame) + window.values, [-1, channels])
        base, local = frame.index(self.size), window.frame.within(frame)
        first = len(self._table) + tf.range(batch)[:, None, None] * (rows * cols)
        number = tf.where(local < rows * cols, first + local, base)
        return tf.gather(tf.concat([self._table, changed], 0), number)


@dataclass(frozen=True)
class Sliding:
    """How a convolution's or a pooling's kernel slides over a map: (rows, cols) of each.

    ``before``: padding above and to the left.
    """

    kernel: Size
    stride: Size
    before: Size
    size_in: Size
    size_out: Size

    @classmethod
    def of(
        cls, kernel: Size, stride: Size, padding: str, size_in: Size, size_out: Size,
        explicit: Size = (0, 0),
    ) -> Sliding:  # fmt: skip
        """Read TensorFlow's padding: SAME centres the kernels, an odd cell of padding goes last."""
        before = (0, 0)
        if padding == "SAME":
            totals = [
                max((out - 1) * step + length - into, 0)
                for out, step, length, into in zip(size_out, stride, kernel, size_in, strict=True)
            ]
            before = (totals[0] // 2, totals[1] // 2)
        elif padding == "EXPLICIT":
            before = explicit
        return cls(kernel, stride, before, size_in, size_out)

    def outputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all outputs that read any cell of ``frame``."""
        top, rows = self._outputs_of(frame.top, frame.rows, 0)
        left, cols = self._outputs_of(frame.left, frame.cols, 1)
        return Frame(top, left, rows, cols)

    def _outputs_of(self, first: Corners, length: int, axis: int) -> tuple[Corners, int]:
        # Output o reads the inputs from o * stride - before to o * stride - before + kernel - 1.
        kernel, stride, before = self.kernel[axis], self.stride[axis], self.before[axis]
        start = -((kernel - 1 - before - first) // stride)  # rounded up
        stop = (first + length - 1 + before) // stride
        # With a stride, windows may differ in length by one; all get the longest. Where no kernel
        # reads a window, because the stride skips it, one output is computed, which is zero.
        return start.astype(np.int32), max(int(np.max(stop - start)) + 1, 1)

    def inputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all inputs that the outputs of ``frame`` read."""
        return Frame(
            (frame.top * self.stride[0] - self.before[0]).astype(np.int32),
            (frame.left * self.stride[1] - self.before[1]).astype(np.int32),
            (frame.rows - 1) * self.stride[0] + self.kernel[0],
            (frame.cols - 1) * self.stride[1] + self.kernel[1],
        )
