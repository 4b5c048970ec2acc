"""Derivatives of operations that shape, join or sum maps without looking at their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import (
    LinearOp,
    OpPoint,
    has_image_axis,
    same_ranks,
    single_tangent,
)
from blockscope.autodiff.windows import Frame, Window, union
from blockscope.models.graph.operations import apply


class Identity(LinearOp):
    """Identity, BiasAdd and the like: the tangent of the first input passes."""

    takes_windows = True

    def __init__(self, point: OpPoint) -> None:
        """See whether what passes is a map."""
        super().__init__(point)
        self.pulls_windows = point.output.shape.rank == 4

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Return the tangent."""
        return single_tangent(tangents)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Return the window."""
        return single_tangent(tangents)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Return the window."""
        return [cotangent]


class AlreadyLinear(LinearOp):
    """An operation that is linear in its first input: it is applied to the tangent."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Apply the operation, its other inputs as they are."""
        return apply(self.point.node, [single_tangent(tangents), *self.point.inputs[1:]])[0]


class Broadcast(LinearOp):
    """BroadcastTo: the tangent is broadcast too; the graph's sizes are for one image."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """No axis is added before that of the images."""
        return point.moving == (0,) and point.inputs[0].shape.rank == point.output.shape.rank

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Broadcast the tangent to the output's shape."""
        tangent = single_tangent(tangents)
        return tf.broadcast_to(tangent, [tf.shape(tangent)[0], *self.point.output.shape[1:]])


class Reshape(LinearOp):
    """Reshape, Squeeze, ExpandDims, Flatten: the tangent takes the shape of the output."""

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Reshape all but the batch axis; the shape stored in the graph is for one image."""
        tangent = single_tangent(tangents)
        return tf.reshape(tangent, [tf.shape(tangent)[0], *self.point.output.shape[1:]])


class Add(LinearOp):
    """Add, AddV2, AddN, Sub: tangents add up, with broadcasting."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Whatever moves has as many axes as the result, so that images meet images."""
        return same_ranks(point)

    def __init__(self, point: OpPoint) -> None:
        """See whether what moves has the output's shape, so that windows can be added."""
        super().__init__(point)
        self.signs = [1.0, -1.0] if point.node.op == "Sub" else [1.0] * len(point.inputs)
        equal = all(point.inputs[i].shape == point.output.shape for i in point.moving)
        self.takes_windows = self.pulls_windows = equal and point.output.shape.rank == 4

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Add tangents, each broadcast to the output."""
        parts = []
        for tangent, sign in zip(tangents, self.signs, strict=True):
            if tangent is not None:
                shape = [tf.shape(tangent)[0], *self.point.output.shape[1:]]
                parts.append(sign * tf.broadcast_to(tangent, shape))
        return tf.add_n(parts)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Add windows on the frame that holds them all."""
        present = [(t, sign) for t, sign in zip(tangents, self.signs, strict=True) if t is not None]
        frame = union([t.frame for t, _ in present])
        values = tf.add_n([sign * t.reframed(frame).values for t, sign in present])
        return Window(frame, values, all(t.clean for t, _ in present))

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Return the window for each input that moves, with its sign."""
        negative = Window(cotangent.frame, -cotangent.values, cotangent.clean)
        return [cotangent if self.signs[i] > 0 else negative for i in self.point.moving]


class Concat(LinearOp):
    """ConcatV2: tangents are joined, zeros standing for inputs that do not change."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Images are not joined, and every part has an image axis."""
        parts = point.inputs[:-1]
        axis = int(point.inputs[-1]) % point.output.shape.rank
        return axis > 0 and all(has_image_axis(value) for value in parts)

    def __init__(self, point: OpPoint) -> None:
        """Read the axis, which is the last input."""
        super().__init__(point)
        rank = point.output.shape.rank
        self.axis = int(point.inputs[-1]) % rank
        self.takes_windows = self.pulls_windows = rank == 4 and self.axis == 3

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Join tangents on whole maps."""
        (batch, *_) = [tf.shape(t)[0] for t in tangents if t is not None]
        parts = [
            tf.zeros([batch, *value.shape[1:]], value.dtype) if tangent is None else tangent
            for tangent, value in zip(tangents[:-1], self.point.inputs[:-1], strict=True)
        ]
        return tf.concat(parts, self.axis)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Join windows on the frame that holds them all."""
        present = [t for t in tangents if t is not None]
        frame = union([t.frame for t in present])
        shape = [len(frame.top), frame.rows, frame.cols]
        parts = [
            tf.zeros([*shape, value.shape[-1]], value.dtype)
            if tangent is None
            else tangent.reframed(frame).values
            for tangent, value in zip(tangents[:-1], self.point.inputs[:-1], strict=True)
        ]
        return Window(frame, tf.concat(parts, 3), all(t.clean for t in present))

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Return each moving input's channels."""
        sizes = [value.shape[-1] for value in self.point.inputs[:-1]]
        parts = tf.split(cotangent.values, sizes, 3)
        return [Window(cotangent.frame, parts[i], cotangent.clean) for i in self.point.moving]


class Pad(LinearOp):
    """Pad, PadV2: the tangent is padded with zeros, whatever constant the value is padded with."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """No image is added."""
        return point.moving == (0,) and not np.any(np.asarray(point.inputs[1])[0])

    def __init__(self, point: OpPoint) -> None:
        """Read the edges, (axis, before and after)."""
        super().__init__(point)
        self.edges = np.asarray(point.inputs[1])
        inner = self.edges[[0, -1]] if len(self.edges) == 4 else self.edges
        self.takes_windows = self.pulls_windows = len(self.edges) == 4 and not inner.any()

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Pad the tangent with zeros."""
        return tf.pad(single_tangent(tangents), self.edges)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Move the frame; the map grew around it."""
        window = single_tangent(tangents).masked(self.point.size_in)
        return Window(self.outputs_of(window.frame), window.values)

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Move the frame back; what was added lies outside of the map."""
        return [Window(self.inputs_of(cotangent.frame), cotangent.values, clean=False)]

    def outputs_of(self, frame: Frame) -> Frame:
        """Return the frame in the map that grew around it."""
        return frame.shifted(self.edges[1, 0], self.edges[2, 0])

    def inputs_of(self, frame: Frame) -> Frame:
        """Return the frame in the map before it grew."""
        return frame.shifted(-self.edges[1, 0], -self.edges[2, 0])


class Reduce(LinearOp):
    """Mean or Sum over rows and columns (global pooling), or over any axes but the first."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """The images are not reduced."""
        rank = point.inputs[0].shape.rank
        axes = [int(axis) % rank for axis in np.atleast_1d(point.inputs[1])]
        return point.moving == (0,) and 0 not in axes

    def __init__(self, point: OpPoint) -> None:
        """Read the axes, which are the second input."""
        super().__init__(point)
        shape = point.inputs[0].shape
        self.axes = sorted(int(axis) % shape.rank for axis in np.atleast_1d(point.inputs[1]))
        self.kept = point.attribute("keep_dims")
        self.takes_windows = self.axes == [1, 2] and shape.rank == 4
        cells = int(np.prod([shape[axis] for axis in self.axes]))
        self.share = 1 / cells if point.node.op == "Mean" else 1.0

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Reduce the tangent."""
        return self.share * tf.reduce_sum(single_tangent(tangents), self.axes, self.kept)

    def jvp_windows(self, tangents: Sequence[Window | None]) -> tf.Tensor:
        """Sum each window; the result has no rows and columns, so it is not a window any more."""
        window = single_tangent(tangents).masked(self.point.size_in)
        return self.share * tf.reduce_sum(window.values, [1, 2], self.kept)
