"""Tangents through operations that move, join or sum entries without looking at their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from blockscope.autodiff.linear_op import Linear, Step, only
from blockscope.autodiff.windows import Window, union
from blockscope.models.operations import apply


class Same(Linear):
    """Identity, BiasAdd and the like: the tangent of the first input passes."""

    takes_windows = True

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Return the tangent."""
        return only(tangents)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Return the window."""
        return only(tangents)


class Itself(Linear):
    """An operation that is linear in its first input: it is applied to the tangent."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Apply the operation, its other inputs as they are."""
        return apply(self.step.node, [only(tangents), *self.step.inputs[1:]])[0]


class Reshaped(Linear):
    """Reshape, Squeeze, ExpandDims, Flatten: the tangent takes the shape of the output."""

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Reshape all but the batch axis; the shape asked for in the graph speaks of one image."""
        tangent = only(tangents)
        return tf.reshape(tangent, [tf.shape(tangent)[0], *self.step.output.shape[1:]])


class Sum(Linear):
    """Add, AddV2, AddN, Sub: tangents add up, with broadcasting."""

    def __init__(self, step: Step) -> None:
        """See whether the operands have the output's shape, so that windows can be added."""
        super().__init__(step)
        self.signs = [1.0, -1.0] if step.node.op == "Sub" else [1.0] * len(step.inputs)
        equal = all(value.shape == step.output.shape for value in step.inputs)
        self.takes_windows = equal and step.output.shape.rank == 4

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Add tangents, each broadcast to the output."""
        parts = []
        for tangent, sign in zip(tangents, self.signs, strict=True):
            if tangent is not None:
                shape = [tf.shape(tangent)[0], *self.step.output.shape[1:]]
                parts.append(sign * tf.broadcast_to(tangent, shape))
        return tf.add_n(parts)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Add windows on the frame that holds them all."""
        present = [(t, sign) for t, sign in zip(tangents, self.signs, strict=True) if t is not None]
        frame = union([t.frame for t, _ in present])
        values = tf.add_n([sign * t.reframed(frame).values for t, sign in present])
        return Window(frame, values, all(t.clean for t, _ in present))


class Joined(Linear):
    """ConcatV2: tangents are joined, zeros standing for inputs that do not change."""

    def __init__(self, step: Step) -> None:
        """Read the axis, which is the last input."""
        super().__init__(step)
        rank = step.output.shape.rank
        self.axis = int(step.inputs[-1]) % rank
        self.takes_windows = rank == 4 and self.axis == 3

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Join tangents on whole maps."""
        (batch, *_) = [tf.shape(t)[0] for t in tangents if t is not None]
        parts = [
            tf.zeros([batch, *value.shape[1:]], value.dtype) if tangent is None else tangent
            for tangent, value in zip(tangents[:-1], self.step.inputs[:-1], strict=True)
        ]
        return tf.concat(parts, self.axis)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Join windows on the frame that holds them all."""
        present = [t for t in tangents if t is not None]
        frame = union([t.frame for t in present])
        shape = [len(frame.top), frame.rows, frame.cols]
        parts = [
            tf.zeros([*shape, value.shape[-1]], value.dtype)
            if tangent is None
            else tangent.reframed(frame).values
            for tangent, value in zip(tangents[:-1], self.step.inputs[:-1], strict=True)
        ]
        return Window(frame, tf.concat(parts, 3), all(t.clean for t in present))


class Padded(Linear):
    """Pad, PadV2: zeros are put around the tangent, whatever stands around the value."""

    takes_windows = True

    def __init__(self, step: Step) -> None:
        """Read the edges, (axis, before and after)."""
        super().__init__(step)
        self.edges = np.asarray(step.inputs[1])
        inner = self.edges[[0, -1]] if len(self.edges) == 4 else self.edges
        self.takes_windows = len(self.edges) == 4 and not inner.any()

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Pad the tangent with zeros."""
        return tf.pad(only(tangents), self.edges)

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Move the frame; the map grew around it."""
        window = only(tangents).cleaned(self.step.size_in)
        return Window(window.frame.shifted(self.edges[1, 0], self.edges[2, 0]), window.values)


class Reduced(Linear):
    """Mean or Sum over rows and columns (global pooling), or over any axes but the first."""

    def __init__(self, step: Step) -> None:
        """Read the axes, which are the second input."""
        super().__init__(step)
        shape = step.inputs[0].shape
        self.axes = sorted(int(axis) % shape.rank for axis in np.atleast_1d(step.inputs[1]))
        self.kept = step.node.attr["keep_dims"].b
        self.takes_windows = self.axes == [1, 2] and shape.rank == 4
        cells = int(np.prod([shape[axis] for axis in self.axes]))
        self.share = 1 / cells if step.node.op == "Mean" else 1.0

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Reduce the tangent."""
        return self.share * tf.reduce_sum(only(tangents), self.axes, self.kept)

    def windows(self, tangents: Sequence[Window | None]) -> tf.Tensor:
        """Sum each window; the share is that of the whole map, and nothing is left to frame."""
        window = only(tangents).cleaned(self.step.size_in)
        return self.share * tf.reduce_sum(window.values, [1, 2], self.kept)
