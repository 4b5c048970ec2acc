"""What forward mode starts from: one operation at one point, and its derivative there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.windows import Frame, Size, Sliding, Window
from blockscope.models.graph import node_attributes


@dataclass(frozen=True, eq=False)
class OpPoint:
    """An operation with the values that enter and leave it, for one image (batch axis of length 1).

    Attributes
    ----------
    node
        The operation.
    inputs
        The values that enter it.
    output
        Its output with the given ``number``.
    moving
        Which inputs depend on the layer, and so may have a tangent.
    number
        Which of the operation's outputs.
    """

    node: node_def_pb2.NodeDef
    inputs: Sequence[tf.Tensor]
    output: tf.Tensor
    moving: tuple[int, ...] = (0,)
    number: int = 0

    def attribute(self, name: str) -> Any:
        """Return an attribute of the node; see ``models.graph.node_attributes``."""
        return node_attributes.attribute(self.node, name)

    @cached_property
    def size_in(self) -> Size:
        """Rows and columns of the first input."""
        return (self.inputs[0].shape[1], self.inputs[0].shape[2])

    @cached_property
    def size_out(self) -> Size:
        """Rows and columns of the output."""
        return (self.output.shape[1], self.output.shape[2])


class LinearOp:
    """The derivative of one operation at a point: a linear map of tangents.

    ``jvp`` takes tangents on whole maps, (batch, ...), one per input, None for inputs that do not
    change. ``jvp_windows`` does the same with windows; it is called only if ``takes_windows``.
    ``vjp_windows`` is the transpose, of cotangents that are windows; only if ``pulls_windows``.
    """

    takes_windows = False
    pulls_windows = False

    def __init__(self, point: OpPoint) -> None:
        """Keep the point at which the operation is linearised."""
        self.point = point

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """Tell whether this class differentiates the operation at a point, for any batch.

        It is asked only where all that moves has one entry per image along the first axis.
        """
        return point.moving == (0,)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Return the output's tangent, (batch, ...): the Jacobian-vector product."""
        raise NotImplementedError

    def jvp_windows(self, tangents: Sequence[Window | None]) -> Window:
        """Return the output's tangent as a window."""
        raise NotImplementedError

    def vjp_windows(self, cotangent: Window) -> list[Window]:
        """Return the cotangents of the moving inputs, in their order, from the output's."""
        raise NotImplementedError

    def outputs_of(self, frame: Frame) -> Frame:
        """Return the frame of ``jvp_windows`` for tangents in ``frame``."""
        return frame

    def inputs_of(self, frame: Frame) -> Frame:
        """Return the frame of ``vjp_windows`` for cotangents in ``frame``."""
        return frame

    def cost(self, cells: int) -> int:
        """Return the multiplications for one tangent that covers ``cells`` input positions."""
        return 0

    def cost_back(self, cells: int) -> int:
        """Return the multiplications for one cotangent that covers ``cells`` output positions."""
        return 0


class SlidingOp(LinearOp):
    """An operation whose kernel slides over a map, and so makes windows grow."""

    sliding: Sliding

    def outputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all outputs that read any cell of ``frame``."""
        return self.sliding.outputs_of(frame)

    def inputs_of(self, frame: Frame) -> Frame:
        """Return the frame of all inputs that the outputs of ``frame`` read."""
        return self.sliding.inputs_of(frame)


def single_tangent(
    tangents: Sequence[tf.Tensor | None] | Sequence[Window | None],
) -> tf.Tensor | Window:
    """Return the tangent of the first input, of an operation whose other inputs are constant."""
    first, *others = tangents
    if first is None or any(t is not None for t in others):
        raise ValueError("only the first input of this operation may depend on the layer")
    return first


def has_image_axis(value: tf.Tensor) -> bool:
    """Tell whether a value for one image has one entry along its first axis."""
    return value.shape.rank > 0 and value.shape[0] == 1


def same_ranks(point: OpPoint) -> bool:
    """Tell whether whatever moves has as many axes as the output; others are broadcast."""
    rank = point.output.shape.rank
    return all(point.inputs[number].shape.rank == rank for number in point.moving)
