"""What every rule of forward mode starts from: one operation at one point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.windows import Size, Window


@dataclass(frozen=True, eq=False)
class Step:
    """An operation with the values that enter and leave it, for one image (batch axis of length 1).

    ``output`` is the operation's output of the given ``number``.
    """

    node: node_def_pb2.NodeDef
    inputs: Sequence[tf.Tensor]
    output: tf.Tensor
    number: int = 0

    def ints(self, attribute: str) -> list[int]:
        """Return a list attribute; an empty list where the node has none of this name."""
        # Asking a map of attributes for one that is not there would enter it.
        return list(self.node.attr[attribute].list.i) if attribute in self.node.attr else []

    def text(self, attribute: str) -> str:
        """Return a text attribute; an empty text where the node has none of this name."""
        return self.node.attr[attribute].s.decode() if attribute in self.node.attr else ""

    @cached_property
    def size_in(self) -> Size:
        """Rows and columns of the first input."""
        return (self.inputs[0].shape[1], self.inputs[0].shape[2])

    @cached_property
    def size_out(self) -> Size:
        """Rows and columns of the output."""
        return (self.output.shape[1], self.output.shape[2])


class Linear:
    """The derivative of one operation, as a linear map of tangents.

    ``dense`` takes tangents on whole maps, (batch, ...), one per input and None for those that do
    not change. ``windows`` takes the same as windows; it is called only where ``takes_windows``.
    """

    takes_windows = False

    def __init__(self, step: Step) -> None:
        """Keep the point at which the operation is linearised."""
        self.step = step

    def dense(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Push tangents on whole maps through the operation."""
        raise NotImplementedError

    def windows(self, tangents: Sequence[Window | None]) -> Window:
        """Push windows through the operation."""
        raise NotImplementedError

    def cost(self, cells: int) -> int:
        """Return the multiplications for one tangent of which ``cells`` input positions count."""
        return 0


def only(tangents: Sequence[tf.Tensor | None] | Sequence[Window | None]) -> tf.Tensor | Window:
    """Return the first tangent of an operation that is linear in its first input alone."""
    first, *others = tangents
    if first is None or any(t is not None for t in others):
        raise NotImplementedError("only the first input of this operation may depend on the layer")
    return first
