"""Sums, means and the like along axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node, axis_of
from blockscope.models.onnx_reader.tensor import Tensor

TINY = float(np.finfo(np.float32).tiny)


def reduction(
    kind: str, before: str | None = None, *, root: bool = False, since: int = 18
) -> Callable[[Builder, Node], Tensor]:
    """Return a rule: ``kind`` of the entries, or of what ``before`` makes of them.

    ``since`` is the opset from which the axes are an input. With ``root``, a square root follows,
    whose gradient is zero at zero as in PyTorch, and not infinite.
    """

    def rule(build: Builder, node: Node) -> Tensor:
        x = node.tensor(0)
        keep = bool(node.attribute("keepdims", 1, (0, 1)))
        given = node.integers(1, "axes", since)
        nothing = bool(node.attribute("noop_with_empty_axes", 0)) and not given
        axes = sorted({axis_of(axis, x.rank) for axis in given or range(x.rank)})
        x = build.unary(before, x) if before else x
        if not nothing:
            x = reduced(build, x, kind, axes, keep=keep)
        if root:
            above = build.op("Maximum", x=x.value, y=build.constant(TINY))
            value = build.op("Sqrt", x=above)
            x = Tensor(value, x.shape, x.axes, x.roles)
        return x

    return rule


def reduced(build: Builder, x: Tensor, kind: str, axes: list[int], *, keep: bool) -> Tensor:
    """Reduce along axes, and keep them with one entry or not."""
    places = [x.place(axis) for axis in axes if axis in x.axes]
    value = x.value
    if places:
        value = build.op(kind, input=value, axis=build.constant(places), keep_dims=keep)
    if keep:
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        return Tensor(value, shape, x.axes, x.roles)
    left = [axis for axis in range(x.rank) if axis not in axes]
    return Tensor(
        value,
        tuple(x.shape[axis] for axis in left),
        tuple(left.index(axis) for axis in x.axes if axis in left),
        tuple(x.roles[axis] for axis in left),
    )
