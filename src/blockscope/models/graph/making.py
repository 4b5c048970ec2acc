"""Making nodes of a graph.

Nodes that a rewrite adds have a name whose last part begins with ``_``, so that none meets one of
the file; that is checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs

CHOICES = frozenset({"If", "StatelessIf"})  # between two functions
MOST_VALUES = 2**28  # of a constant that is computed: 1 GiB of float32

Value = int | float | bool | str | bytes | Sequence[int]


def constant(name: str, value: npt.ArrayLike | tf.Tensor) -> node_def_pb2.NodeDef:
    """Return a constant."""
    tensor = tf.make_tensor_proto(np.asarray(value))
    node = node_def_pb2.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)
    return node


def operation(
    op: str, name: str, inputs: Sequence[str], types: Sequence[str] = ("T",), **attributes: Value
) -> node_def_pb2.NodeDef:
    """Return a node; ``types`` are its attributes that are float32."""
    node = node_def_pb2.NodeDef(name=name, op=op, input=inputs)
    for key in types:
        node.attr[key].type = types_pb2.DT_FLOAT
    for key, value in attributes.items():
        _set(node.attr[key], value)
    return node


def typed(node: node_def_pb2.NodeDef, **types: int) -> node_def_pb2.NodeDef:
    """Set attributes that hold a type other than float32."""
    for key, value in types.items():
        node.attr[key].type = value
    return node


def _set(attribute: attr_value_pb2.AttrValue, value: Value) -> None:
    if isinstance(value, bool):
        attribute.b = value
    elif isinstance(value, int):
        attribute.i = value
    elif isinstance(value, float):
        attribute.f = value
    elif isinstance(value, str):
        attribute.s = value.encode()
    elif isinstance(value, bytes):
        attribute.s = value
    else:
        attribute.list.i[:] = [int(item) for item in value]


def reshape(name: str, source: str, sizes: Sequence[int]) -> list[node_def_pb2.NodeDef]:
    """Return a Reshape to constant sizes, after the constant that holds them."""
    shape = constant(f"{name}/_shape", np.array(sizes, np.int32))
    node = typed(operation("Reshape", name, [source, shape.name]), Tshape=types_pb2.DT_INT32)
    return [shape, node]


def transpose(
    name: str, source: str, order: Sequence[int], order_name: str = ""
) -> list[node_def_pb2.NodeDef]:
    """Return a Transpose, after the constant that holds the order of the axes."""
    axes = constant(order_name or f"{name}/_order", np.array(order, np.int32))
    node = operation("Transpose", name, [source, axes.name])
    return [axes, typed(node, Tperm=types_pb2.DT_INT32)]


def held(
    node: node_def_pb2.NodeDef, number: int, nodes: graphs.Nodes
) -> npt.NDArray[np.number] | None:
    """Return the constant that a node reads as one of its inputs; None where it is none."""
    sources = graphs.sources(node)
    source = nodes[sources[number]] if len(sources) > number else None
    if source is None or source.op != "Const":
        return None
    return np.asarray(tf.make_ndarray(source.attr["value"].tensor))


def copied(node: node_def_pb2.NodeDef, name: str = "") -> node_def_pb2.NodeDef:
    """Return a copy of a node, under another name if given."""
    copy = node_def_pb2.NodeDef()
    copy.CopyFrom(node)
    copy.name = name or node.name
    return copy


def with_nodes(
    definition: graph_pb2.GraphDef, nodes: Sequence[node_def_pb2.NodeDef]
) -> graph_pb2.GraphDef:
    """Return a graph of other nodes, with the versions of this one.

    Its functions are left out unless a node chooses between them.

    Raises ``BadFile`` where two of them have one name.
    """
    counts = Counter(node.name for node in nodes)
    for name, count in counts.items():
        if count > 1:
            raise BadFile(f"{count} nodes have the name '{name}'; rename one in the graph")
    fresh = graph_pb2.GraphDef(versions=definition.versions)
    fresh.node.extend(nodes)
    if any(node.op in CHOICES for node in nodes):
        fresh.library.CopyFrom(definition.library)
    return fresh
