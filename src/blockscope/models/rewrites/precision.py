"""Raising a network of mixed or double precision to float32, in which all is computed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from tensorflow import as_dtype, make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import constant, copied, with_nodes
from blockscope.models.graph.weight_cells import marked_like

OTHER_FLOATS = {
    types_pb2.DT_HALF: "float16",
    types_pb2.DT_BFLOAT16: "bfloat16",
    types_pb2.DT_DOUBLE: "float64",
}
FLOAT32 = np.finfo(np.float32)


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


def lowest_fills(definition: graph_pb2.GraphDef) -> frozenset[str]:
    """Return the paddings by the lowest number of their type, before it becomes float32."""
    nodes = {node.name: node for node in definition.node}
    found = set()
    for node in definition.node:
        kind = node.attr["T"].type if node.op == "PadV2" and "T" in node.attr else None
        if kind not in OTHER_FLOATS:
            continue
        source = nodes[graphs.sources(node)[2]]
        while source.op == "Identity":
            source = nodes[graphs.sources(source)[0]]
        if source.op == "Const":
            fill = make_ndarray(source.attr["value"].tensor)
            if fill.size == 1 and float(fill.reshape(-1)[0]) == float(as_dtype(kind).min):
                found.add(node.name)
    return frozenset(found)


def as_float32(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with float32 in place of all other floating point types.

    Raises ``BadFile`` for a constant that float32 does not hold.
    """
    return with_nodes(definition, [_as_float32(node) for node in definition.node])


def _as_float32(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    if node.op == "Const" and node.attr["dtype"].type in OTHER_FLOATS:
        values = np.asarray(make_ndarray(node.attr["value"].tensor)).astype(np.float64)
        return marked_like(constant(node.name, _raised(node.name, values)), node)
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


def _raised(name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return numbers as float32: the lowest and highest are its own, what is not 0 stays so."""
    double = np.finfo(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        found = values.astype(np.float32)
    found = np.where(values == double.min, FLOAT32.min, found)
    found = np.where(values == double.max, FLOAT32.max, found)
    lost = np.isfinite(values) & ~np.isfinite(found)
    if lost.any():
        raise BadFile(
            f"constant '{name}' holds {values[lost].flat[0]:.3g}, and all is computed in float32, "
            f"whose numbers go up to {FLOAT32.max:.3g}; save the network in float32"
        )
    # An epsilon of 1e-100 must not become 0, and numbers below the normal ones do on a processor.
    tiny = (values != 0) & (np.abs(found) < FLOAT32.tiny)
    return np.where(tiny, np.copysign(FLOAT32.tiny, values), found).astype(np.float32)
