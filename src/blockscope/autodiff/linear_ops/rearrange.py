"""Derivatives of operations that only move entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint
from blockscope.models.graph.operations import apply


class Rearrange(LinearOp):
    """An operation that only moves entries, those of each image by themselves."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """All but one input are constants, and the image axis stays as it is."""
        data = 1 if point.node.op == "Split" else 0
        return point.moving == (data,) and _keeps_images(point)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Move the tangent's entries like those of the value."""
        inputs = [
            value if tangent is None else tangent
            for value, tangent in zip(self.point.inputs, tangents, strict=True)
        ]
        return apply(self.point.node, inputs)[self.point.number]


def _keeps_images(point: OpPoint) -> bool:
    """Tell whether an operation leaves the first axis of its data alone, whatever its length."""
    op, inputs = point.node.op, [np.asarray(value) for value in point.inputs]
    rank = max(value.ndim for value in inputs)
    if op in ("Split", "SplitV", "GatherV2"):
        axis = inputs[0] if op == "Split" else inputs[2]
        plain = op != "GatherV2" or not point.attribute("batch_dims")
        return bool(int(axis) % rank) and plain
    if op == "Slice":
        return inputs[1][0] == 0 and inputs[2][0] == -1
    if op == "StridedSlice":
        masks = [int(point.attribute(f"{word}_mask")) for word in ("begin", "end")]
        others = [f"{word}_mask" for word in ("ellipsis", "new_axis", "shrink_axis")]
        whole = all(mask & 1 for mask in masks) or (inputs[1][0] == 0 and masks[1] & 1)
        return (
            bool(whole)
            and inputs[3][0] == 1
            and not any(int(point.attribute(name)) & 1 for name in others)
        )
    if op in ("Cumsum", "ReverseV2"):
        return all(int(axis) % rank for axis in np.atleast_1d(inputs[1]))
    first = np.atleast_1d(inputs[1])[0]  # the order, the edges or how often each axis is repeated
    return bool(np.all(first == (1 if op == "Tile" else 0)))
