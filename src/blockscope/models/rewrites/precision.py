"""Raising a network of mixed or double precision to float32, in which all is computed."""

from __future__ import annotations

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.models.graph.making import constant, copied, with_nodes

OTHER_FLOATS = {
    types_pb2.DT_HALF: "float16",
    types_pb2.DT_BFLOAT16: "bfloat16",
    types_pb2.DT_DOUBLE: "float64",
}


def other_floats(definition: graph_pb2.GraphDef) -> list[str]:
    """Return the names of the floating point types other than float32 that a graph computes in."""
    found = {
        kind
        for node in definition.node
        for value in node.attr.values()
        for kind in (value.type, *value.list.type)
        if kind in OTHER_FLOATS
    }
    return sorted(OTHER_FLOATS[kind] for kind in found)


def as_float32(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with float32 in place of all other floating point types."""
    return with_nodes(definition, [_as_float32(node) for node in definition.node])


def _as_float32(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    if node.op == "Const" and node.attr["dtype"].type in OTHER_FLOATS:
        return constant(node.name, make_ndarray(node.attr["value"].tensor).astype(np.float32))
    fresh = copied(node)
    for value in fresh.attr.values():
        if value.type in OTHER_FLOATS:
            value.type = types_pb2.DT_FLOAT
        kinds = list(value.list.type)
        if kinds:  # written only then: it would make the attribute a list
            value.list.type[:] = [
                types_pb2.DT_FLOAT if kind in OTHER_FLOATS else kind for kind in kinds
            ]
    return fresh
