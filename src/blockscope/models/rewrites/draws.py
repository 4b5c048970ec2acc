"""Random numbers that change nothing, such as those of dropout that keeps everything.

Dropout of TensorFlow 1 draws a number from 0 to below 1 for each value and keeps the value where
``floor(keep_prob + number)`` is 1, or where the number is at least ``1 - keep_prob``. With
``keep_prob`` 1 that is so for all. Here it is proved: from the number on, each step rises or falls
with it, so that a step that gives the same for the least and the largest number is a constant.

Nor does a number change anything that is only in what ``tf.where`` never takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.models.graph import graphs
from blockscope.models.graph.making import constant, typed, with_nodes
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.network import apply_or_name
from blockscope.models.rewrites.branches import decided

DRAW = "RandomUniform"
FLOATS = (tf.float16, tf.float32, tf.float64)
# What rises or falls with one of its inputs, whatever number the other one is.
STEPS = frozenset({
    "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Floor", "Ceil", "Neg", "Identity", "Cast",
    "Maximum", "Minimum", "Relu", "Greater", "GreaterEqual", "Less", "LessEqual",
    "PlaceholderWithDefault",
})  # fmt: skip
QUOTIENTS = frozenset({"RealDiv", "Div"})  # these only with the first one

Values = npt.NDArray[np.generic]


class _Step(NamedTuple):
    """What a node gives for the least and the largest number, and the node that draws it."""

    ends: Values
    draw: NodeDef


def without_draws(
    definition: graph_pb2.GraphDef, logits: str
) -> tuple[graph_pb2.GraphDef, tuple[str, ...]]:
    """Return the graph with constants for what does not depend on the numbers that it draws.

    Also the names of the draws that are gone. Those that may change something stay.
    """
    nodes = {node.name: node for node in definition.node}
    ordered = graphs.toposort(nodes, [logits])
    draws = [n for n in ordered if n.op == DRAW and attribute(n, "dtype") in FLOATS]
    if not draws:
        return definition, ()
    read = {node.name for node in graphs.toposort(_with_choices_made(ordered), [logits])}
    for draw in draws:
        if draw.name not in read:
            nodes |= _filled(draw.name, np.zeros((), _kind(draw)), draw)
    steps = {draw.name: _Step(_extremes(draw), draw) for draw in draws}
    numbers: dict[str, Values] = {}
    for node in ordered:
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            if value.ndim == 0:
                numbers[node.name] = value
        elif _is_step(node):
            _take(node, steps, numbers, nodes)
    kept = graphs.toposort(nodes, [logits])
    left = {node.name for node in kept if node.op == DRAW}
    gone = tuple(draw.name for draw in draws if draw.name not in left)
    return with_nodes(definition, kept), gone


def _extremes(draw: NodeDef) -> Values:
    kind = _kind(draw)
    return np.array([0, 1 - np.finfo(kind).eps], kind)  # as many digits as a number from 1 to 2 has


def _kind(draw: NodeDef) -> type[np.floating]:
    kind: type[np.floating] = attribute(draw, "dtype").as_numpy_dtype
    return kind


def _with_choices_made(nodes: Sequence[NodeDef]) -> dict[str, NodeDef]:
    """Return nodes in which a choice by a constant reads only what it takes."""
    made = {node.name: node for node in nodes}
    for node in nodes:
        if node.op in ("Select", "SelectV2"):
            condition, first, second = node.input
            which = decided(graphs.tensor_name(condition), made, {})
            if which is not None:
                taken = first if which else second
                made[node.name] = NodeDef(name=node.name, op="Identity", input=[taken])
    return made


def _filled(name: str, number: Values, draw: NodeDef) -> dict[str, NodeDef]:
    """Return the nodes of a constant as large as what is drawn; the last one has the name."""
    value = constant(f"{name}/_value", number)
    filled = NodeDef(name=name, op="Fill", input=[draw.input[0], value.name])
    typed(filled, T=value.attr["dtype"].type, index_type=draw.attr["T"].type)
    return {value.name: value, name: filled}


def _is_step(node: NodeDef) -> bool:
    """Tell whether a node is a step of floats; whole numbers may overflow."""
    kinds = [attribute(node, key) for key in ("T", "DstT")]
    return node.op in STEPS and all(kind is None or kind.is_floating for kind in kinds)


def _take(
    node: NodeDef,
    steps: dict[str, _Step],
    numbers: dict[str, Values],
    nodes: dict[str, NodeDef],
) -> None:
    """Note what a step gives; where that is a constant, it becomes one in ``nodes``."""
    sources = graphs.sources(node)
    moving = [source for source in sources if source in steps]
    if any(source not in steps and source not in numbers for source in sources):
        return
    if not moving:
        (numbers[node.name],) = map(np.asarray, apply_or_name(node, [numbers[s] for s in sources]))
        return
    if len(moving) > 1 or (node.op in QUOTIENTS and sources[0] not in steps):
        return
    draw = steps[moving[0]].draw
    given = [steps[source].ends if source in steps else numbers[source] for source in sources]
    (ends,) = map(np.asarray, apply_or_name(node, given))
    if ends[0].tobytes() != ends[1].tobytes():
        steps[node.name] = _Step(ends, draw)
        return
    nodes |= _filled(node.name, ends[0], draw)
