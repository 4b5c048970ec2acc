"""How single operations carry a change of their input, of any amount, in a window or in a channel.

Of a linear operation the change is the tangent that ``LinearOp`` computes; of others it is the new
output less the old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf

from blockscope.autodiff.linear_ops.convolution import Convolution, DepthwiseConvolution
from blockscope.autodiff.linear_ops.elementwise import LRN, BatchNorm, Elementwise, Softmax
from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, single_tangent
from blockscope.autodiff.linear_ops.pooling import AveragePooling, MaxPooling, sliding_of
from blockscope.autodiff.linear_ops.registry import fitting
from blockscope.autodiff.linear_ops.shape_ops import Add, Concat, Identity, Pad, Reduce
from blockscope.autodiff.one_channel import OneChannel
from blockscope.autodiff.windows import CoefficientMap, Frame, Size, Window, union
from blockscope.models.graph.operations import apply

# Classes of operations that are linear, and so the same at every point.
LINEAR = (
    Convolution, DepthwiseConvolution, BatchNorm, AveragePooling, Add, Concat, Identity, Pad, Reduce
)  # fmt: skip


class Rule:
    """How an operation carries changes; None where it does not, and whole maps are needed."""

    def __init__(self, point: OpPoint) -> None:
        """Keep the operation and its values at the image."""
        self.point = point

    def reach(self, frame: Frame) -> Frame | None:
        """Return the frame of all outputs that read any cell of a frame; None if no kernel does."""
        return None

    def of_windows(self, changes: Sequence[Window | None]) -> Window | tf.Tensor | None:
        """Return the output's change from windows, one per input that changes."""
        return None

    def of_channel(self, change: OneChannel) -> OneChannel | tf.Tensor | None:
        """Return the output's change where the first input changes in one channel."""
        return None


class Linear(Rule):
    """A linear operation: its change is a tangent."""

    def __init__(self, point: OpPoint, op: LinearOp) -> None:
        """Keep the tangent's rules."""
        super().__init__(point)
        self.op = op

    def reach(self, frame: Frame) -> Frame | None:
        """Return where kernels meet the frame."""
        sliding = getattr(self.op, "sliding", None)
        return sliding.outputs_of(frame) if sliding else None

    def of_windows(self, changes: Sequence[Window | None]) -> Window | tf.Tensor | None:
        """Return the tangent."""
        return self.op.jvp_windows(changes) if self.op.takes_windows else None

    def of_channel(self, change: OneChannel) -> OneChannel | tf.Tensor | None:
        """Convolve the channel, or keep to it."""
        if type(self.op) is Convolution and not self.op.grouped:
            return change.convolved(self.op)
        if isinstance(self.op, AveragePooling | Identity):
            return replace(change, values=self.op.jvp([change.values]))
        return None


class EachPlace(Rule):
    """An operation whose output at a position needs the inputs there only."""

    def __init__(self, point: OpPoint) -> None:
        """Prepare to look the operands up."""
        super().__init__(point)
        self.size = point.size_out
        self.operands = [_operand(value, self.size) for value in point.inputs]

    def of_windows(self, changes: Sequence[Window | None]) -> Window:
        """Compute the windows anew."""
        frame = union([change.frame for change in changes if change is not None])
        old = [
            operand.at(frame) if isinstance(operand, CoefficientMap) else operand
            for operand in self.operands
        ]
        new = [
            value if change is None else value + change.reframed(frame).values
            for value, change in zip(old, changes, strict=True)
        ]
        (before,), (after,) = apply(self.point.node, old), apply(self.point.node, new)
        # Outside of the map is no value, and the function of what is read there may have none.
        inside = (frame.index(self.size) < self.size[0] * self.size[1])[..., None]
        return Window(frame, tf.where(inside, after - before, 0), clean=True)

    def of_channel(self, change: OneChannel) -> OneChannel | None:
        """Compute the channel anew, where it is all that its output needs."""
        if len(self.operands) > 1 or self.point.node.op in ("LRN", "Softmax"):
            return None
        return _anew(self.point, change)


class Largest(Rule):
    """Max pooling."""

    def __init__(self, point: OpPoint) -> None:
        """Prepare to look the values up; none outside of the map is the largest."""
        super().__init__(point)
        self.sliding = sliding_of(point)
        self.input = CoefficientMap(point.inputs[0], outside=float("-inf"))
        self.output = CoefficientMap(point.output)

    def reach(self, frame: Frame) -> Frame:
        """Return where kernels meet the frame."""
        return self.sliding.outputs_of(frame)

    def of_windows(self, changes: Sequence[Window | None]) -> Window:
        """Pool the windows anew, widened to all that their outputs read."""
        window = single_tangent(changes)
        frame = self.sliding.outputs_of(window.frame)
        values = self.input.with_change(window, self.sliding.inputs_of(frame))
        new = tf.nn.max_pool2d(values, self.sliding.kernel, self.sliding.stride, "VALID")
        rows, cols = self.output.size
        inside = frame.index(self.output.size)[..., None] < rows * cols
        zero = tf.zeros([], new.dtype)
        return Window(frame, tf.where(inside, new - self.output.at(frame), zero))

    def of_channel(self, change: OneChannel) -> OneChannel:
        """Pool the channel anew."""
        return _anew(self.point, change)


def _operand(value: tf.Tensor, size: Size) -> tf.Tensor | CoefficientMap:
    """Return what an operand is looked up by; a number is the same everywhere.

    One that is broadcast along rows or columns alone is looked up in a map of ``size``.
    """
    if value.shape.rank == 0:
        return value
    wide = tf.reshape(value, [1] * (4 - value.shape.rank) + list(value.shape))
    if tuple(wide.shape[1:3]) not in ((1, 1), size):
        wide = tf.broadcast_to(wide, [wide.shape[0], *size, wide.shape[3]])
    return CoefficientMap(wide)


def _anew(point: OpPoint, change: OneChannel) -> OneChannel:
    (new,) = apply(point.node, [change.of(point.inputs[0]) + change.values])
    return replace(change, values=new - change.of(point.output))


def rule_of(point: OpPoint) -> Rule | None:
    """Return how changes are carried through an operation; None where whole maps are needed."""
    known = fitting(point)
    if known in LINEAR:
        return Linear(point, known(point))
    if known is MaxPooling and _finite(point.output):
        return Largest(point)
    maps = [point.output, *(point.inputs[number] for number in point.moving)]
    # A difference of infinite values is none.
    plain = all(v.shape.rank == 4 and v.shape[1:3] == maps[0].shape[1:3] for v in maps)
    if known in (Elementwise, LRN, Softmax) and plain and all(_finite(v) for v in maps):
        return EachPlace(point)
    return None


def _finite(value: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(value)))
