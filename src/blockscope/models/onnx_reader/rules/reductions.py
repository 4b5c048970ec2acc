"""Sums, means and the like along axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blockscope.io.errors import BadFile
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
        keep, axes = _along(node, x, since)
        x = build.unary(before, x) if before else x
        if axes is not None:
            x = reduced(build, x, kind, axes, keep=keep)
        if root:
            above = build.op("Maximum", x=x.value, y=build.constant(TINY))
            value = build.op("Sqrt", x=above)
            x = Tensor(value, x.shape, x.axes, x.roles)
        return x

    return rule


def log_sum(build: Builder, node: Node) -> Tensor:
    """ReduceLogSum: the logarithm of a sum."""
    return build.unary("Log", reduction("Sum")(build, node))


def log_sum_exp(build: Builder, node: Node) -> Tensor:
    """ReduceLogSumExp, of what is above the maximum, which no exponential exceeds."""
    x = node.tensor(0)
    keep, axes = _along(node, x, 18)
    if axes is None:
        return x
    most = reduced(build, x, "Max", axes, keep=True)
    above = build.unary("Exp", build.elementwise("Sub", x, most))
    total = build.unary("Log", reduced(build, above, "Sum", axes, keep=keep))
    return build.elementwise("AddV2", total, reduced(build, x, "Max", axes, keep=keep))


def cumulative_sum(build: Builder, node: Node) -> Tensor:
    """CumSum along one axis."""
    x = node.tensor(0)
    given = node.constant(1)
    exclusive = bool(node.attribute("exclusive", 0, (0, 1)))
    reverse = bool(node.attribute("reverse", 0, (0, 1)))
    if given is None or given.size != 1:
        raise BadFile("input 2, the axis, must be one number")
    axis = axis_of(int(given.reshape(-1)[0]), x.rank)
    if axis not in x.axes:  # of one entry, of which there is none before
        return build.elementwise("Mul", x, np.zeros((), np.float32)) if exclusive else x
    value = build.op(
        "Cumsum", x=x.value, axis=build.constant(x.place(axis), np.int32), exclusive=exclusive,
        reverse=reverse,
    )  # fmt: skip
    return Tensor(value, x.shape, x.axes, x.roles)


def _along(node: Node, x: Tensor, since: int) -> tuple[bool, list[int] | None]:
    """Return whether axes are kept, and which are reduced; None for none."""
    keep = bool(node.attribute("keepdims", 1, (0, 1)))
    given = node.integers(1, "axes", since)
    nothing = bool(node.attribute("noop_with_empty_axes", 0)) and not given
    axes = sorted({axis_of(axis, x.rank) for axis in given or range(x.rank)})
    return keep, None if nothing else axes


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
