"""A softmax that is written out, by exponentials and their sum, or as its logarithm.

Between the logits and the sum nothing may reshape: its axis is one of the logits then.
"""

from __future__ import annotations

from typing import NamedTuple

from tensorflow import make_ndarray
from tensorflow.core.framework import node_def_pb2

from blockscope.models.ends.image_and_logits import (
    behind_reshapes,
    first_source,
    is_later_output,
)
from blockscope.models.graph import graphs

SAME_TENSOR = frozenset({"Identity", "StopGradient"})
LAST_AXIS = (-1, 1)  # of (image, label)


class Softmax(NamedTuple):
    """What a softmax is taken of.

    Attributes
    ----------
    logits
        The tensor.
    over
        Axes of it, by those over which it is summed and maximised: the labels must be on one axis
        of each.
    """

    logits: str
    over: tuple[tuple[int, ...], ...]


def same_tensor(nodes: graphs.Nodes, name: str) -> str:
    """Return the tensor of which a tensor is a copy, in the same shape."""
    node = nodes[name]
    while node.op in SAME_TENSOR and not is_later_output(node):
        node = nodes[first_source(node)]
    return node.name


def written_softmax(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> Softmax | None:
    """Return what a node is the softmax of, or its logarithm; None where it is neither."""
    if len(graphs.sources(node)) != 2:
        return None
    first, second = graphs.sources(node)
    if node.op in {"RealDiv", "Div"}:
        top = behind_reshapes(nodes, first)
        summed = _exponent(nodes, behind_reshapes(nodes, second))
        if top.op == "Exp" and summed and _same(nodes, first_source(top), summed.logits):
            return _before_shift(nodes, summed)
    return _less_logsumexp(nodes, first, second) if node.op == "Sub" else None


def _same(nodes: graphs.Nodes, one: str, other: str) -> bool:
    return behind_reshapes(nodes, one).name == behind_reshapes(nodes, other).name


def _exponent(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> Softmax | None:
    """Return x where a node is the sum of exp(x) over one axis; None for any other."""
    if node.op != "Sum" or len(graphs.sources(node)) != 2:
        return None
    values = nodes[same_tensor(nodes, graphs.sources(node)[0])]
    axes = _axes(nodes, node)
    if values.op != "Exp" or axes is None or len(axes) != 1 or axes[0] not in LAST_AXIS:
        return None
    return Softmax(first_source(values), (axes,))


def _axes(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> tuple[int, ...] | None:
    axis = behind_reshapes(nodes, graphs.sources(node)[1])
    if axis.op != "Const" or "value" not in axis.attr:
        return None
    return tuple(int(one) for one in make_ndarray(axis.attr["value"].tensor).ravel())


def _less_logsumexp(nodes: graphs.Nodes, whole: str, rest: str) -> Softmax | None:
    """Return x where ``whole`` is x and ``rest`` the log of the sum of exp(x)."""
    node = behind_reshapes(nodes, rest)
    if node.op == "Log":
        summed = _exponent(nodes, behind_reshapes(nodes, first_source(node)))
        if summed and _same(nodes, whole, summed.logits):
            return _before_shift(nodes, summed)
        return None
    if node.op not in {"Add", "AddV2"} or len(graphs.sources(node)) != 2:
        return None
    first, second = graphs.sources(node)
    return _with_maximum(nodes, whole, first, second) or _with_maximum(nodes, whole, second, first)


def _with_maximum(nodes: graphs.Nodes, whole: str, log: str, most: str) -> Softmax | None:
    """Return x where ``log`` is log(sum(exp(x - max(x)))) and ``most`` is max(x)."""
    node, maximum = behind_reshapes(nodes, log), _maximum(nodes, most)
    if node.op != "Log" or maximum is None:
        return None
    summed = _exponent(nodes, behind_reshapes(nodes, first_source(node)))
    found = summed and _before_shift(nodes, summed)
    if not summed or not found or found.logits == summed.logits:  # nothing is subtracted
        return None
    if not _same(nodes, found.logits, whole) or not _same(nodes, maximum.logits, whole):
        return None
    return Softmax(found.logits, found.over + maximum.over)


def _before_shift(nodes: graphs.Nodes, summed: Softmax) -> Softmax:
    """Return the softmax of x for that of x less its maximum, which it does not notice."""
    node = nodes[same_tensor(nodes, summed.logits)]
    if node.op == "Sub" and len(graphs.sources(node)) == 2:
        whole, most = graphs.sources(node)
        maximum = _maximum(nodes, most)
        if maximum and same_tensor(nodes, maximum.logits) == same_tensor(nodes, whole):
            return Softmax(whole, summed.over + maximum.over)
    return summed


def _maximum(nodes: graphs.Nodes, name: str) -> Softmax | None:
    """Return whose maximum a tensor is; TensorFlow takes it only where it is finite."""
    node = behind_reshapes(nodes, name)
    while node.op in {"Select", "SelectV2"} and len(graphs.sources(node)) == 3:
        node = behind_reshapes(nodes, graphs.sources(node)[1])
    if node.op != "Max" or len(graphs.sources(node)) != 2:
        return None
    axes = _axes(nodes, node)
    every = behind_reshapes(nodes, graphs.sources(node)[1]).op == "Range"  # of an unknown rank
    if axes is None and not every:
        return None
    return Softmax(first_source(node), () if axes is None else (axes,))
