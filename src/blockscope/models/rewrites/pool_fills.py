"""Padding that a max pooling never takes, brought to one number: the lowest of float32.

A network pads by minus infinity, by -1e4 or by the lowest number of a smaller type. Gradient
overrides and the list of layers know padding by its number.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.making import constant, copied, held, with_nodes
from blockscope.models.graph.node_attributes import attribute

LOWEST = np.finfo(np.float32).min  # never the largest
# The least that an operation gives, whatever it reads.
LEAST = {
    **dict.fromkeys(("Relu", "Relu6", "Sigmoid", "Softplus", "Softmax", "Exp", "Abs"), 0.0),
    **dict.fromkeys(("Square", "Sqrt", "SquaredDifference"), 0.0),
    **dict.fromkeys(("Elu", "Tanh", "Softsign", "Erf"), -1.0),
    "Selu": -1.76,
}
SAME_NUMBERS = frozenset({
    "Identity", "Snapshot", "Transpose", "Reshape", "Squeeze", "ExpandDims", "MaxPool",
    "StridedSlice", "Slice", "DepthToSpace", "SpaceToDepth",
})  # fmt: skip
AXES = 4  # of what a max pooling reads
FEW = 10_000  # values of a constant that may be a bound

Edges = npt.NDArray[np.int64]


def with_lowest_fills(
    definition: graph_pb2.GraphDef, lowest: Collection[str] = ()
) -> graph_pb2.GraphDef:
    """Return the graph with the lowest number where padding before max pooling never counts.

    It never does where every window has a cell beside it that is larger. Needs constants to be
    folded.

    Parameters
    ----------
    definition
        The graph.
    lowest
        Paddings by the lowest number of the type that the file computes them in.

    Returns
    -------
    definition
        A graph of the same values, but for the padded tensors.
    """
    nodes = {node.name: node for node in definition.node}
    pads = [node for node in definition.node if node.op == "PadV2"]
    if not pads:
        return definition
    readers: dict[str, list[node_def_pb2.NodeDef]] = {}
    for node in definition.node:
        for source in dict.fromkeys(graphs.sources(node)):
            readers.setdefault(source, []).append(node)
    least = _least(nodes, graphs.sinks(definition))
    kept = dict(nodes)
    for pad in pads:
        edges, fill = held(pad, 1, nodes), held(pad, 2, nodes)
        if edges is None or edges.shape != (AXES, 2) or edges.min() < 0:
            continue
        if fill is None or fill.dtype != np.float32 or fill.shape or not fill > LOWEST:
            continue
        below = pad.name in lowest or fill < least[graphs.sources(pad)[0]]
        if below and _only_pooled(pad, edges.astype(np.int64), nodes, readers):
            made = constant(f"{pad.name}/_lowest", np.array(LOWEST, np.float32))
            fresh = copied(pad)
            fresh.input[2] = made.name
            kept |= {made.name: made, fresh.name: fresh}
    if len(kept) == len(nodes):
        return definition
    return with_nodes(definition, graphs.toposort(kept, graphs.sinks(definition)))


def _only_pooled(
    pad: node_def_pb2.NodeDef,
    edges: Edges,
    nodes: graphs.Nodes,
    readers: Mapping[str, Sequence[node_def_pb2.NodeDef]],
) -> bool:
    """Tell whether only max poolings read a padded tensor, all their windows with a cell of it.

    ``edges``: how many cells are padding, (axis, before and after).
    """
    stack = [(pad.name, edges)]
    while stack:
        name, edges = stack.pop()
        if not readers.get(name):
            return False
        for reader in readers[name]:
            if reader.op == "MaxPool" and _all_windows_reach(reader, edges):
                continue
            moved = _moved(reader, edges, nodes)
            if moved is None or moved.shape != (AXES, 2):
                return False
            stack.append((reader.name, moved))
    return True


def _moved(node: node_def_pb2.NodeDef, edges: Edges, nodes: graphs.Nodes) -> Edges | None:
    """Return the padding of what a node makes of a padded tensor; None where that is not known."""
    if node.op in {"Identity", "Snapshot"} or _keeps_float(node):
        return edges
    given = held(node, 1, nodes) if node.op in {"Transpose", "PadV2"} else None
    if given is None:
        return None
    if node.op == "Transpose":
        order = given.astype(int)
        return edges[order] if sorted(order) == list(range(AXES)) else None
    return edges + given.astype(int) if _is_lowest(node, nodes) and given.min() >= 0 else None


def _keeps_float(node: node_def_pb2.NodeDef) -> bool:
    kinds = {node.attr[key].type for key in ("SrcT", "DstT")} if node.op == "Cast" else set()
    return kinds == {types_pb2.DT_FLOAT}


def _is_lowest(node: node_def_pb2.NodeDef, nodes: graphs.Nodes) -> bool:
    fill = held(node, 2, nodes)
    return fill is not None and bool(fill <= LOWEST)


def _all_windows_reach(pool: node_def_pb2.NodeDef, edges: Edges) -> bool:
    """Tell whether each window of a pooling reaches beyond the padding."""
    kernel = np.array(attribute(pool, "ksize"))
    padding = attribute(pool, "padding")
    if len(kernel) != AXES or padding not in {"VALID", "SAME"}:
        return False
    taken = kernel - 1 if padding == "SAME" else 0 * kernel  # the most that its own padding takes
    own = np.stack([taken // 2, taken - taken // 2], 1)
    return bool(np.all((edges == 0) | (edges < kernel[:, None] - own)))


def _least(nodes: graphs.Nodes, ends: Collection[str]) -> dict[str, float]:
    """Return a number that no entry of a tensor is below, for all; -inf where none is known."""
    found: dict[str, float] = {}
    for node in graphs.toposort(nodes, ends):
        read = [found[source] for source in graphs.sources(node)]
        if node.op in LEAST:
            found[node.name] = LEAST[node.op]
        elif node.op in SAME_NUMBERS or _keeps_float(node):
            found[node.name] = read[0]
        elif node.op == "Const":
            found[node.name] = _least_of(node)
        elif node.op == "ConcatV2":
            found[node.name] = min(read[:-1])
        elif node.op == "Pad":
            found[node.name] = min(read[0], 0.0)
        elif node.op == "Maximum":
            found[node.name] = max(read)
        elif node.op == "ClipByValue":
            found[node.name] = read[1]
        elif node.op in {"Add", "AddV2", "AddN", "AvgPool"} and min(read) >= 0:
            found[node.name] = 0.0
        else:
            found[node.name] = -math.inf
    return found


def _least_of(node: node_def_pb2.NodeDef) -> float:
    """Return the least number of a small constant."""
    sizes = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
    if node.attr["dtype"].type != types_pb2.DT_FLOAT or not 0 < math.prod(sizes) <= FEW:
        return -math.inf
    least = float(make_ndarray(node.attr["value"].tensor).min())
    return -math.inf if math.isnan(least) else least
