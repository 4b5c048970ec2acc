"""What a tensor's numbers come from and go to, past operations that leave them as they are."""

from __future__ import annotations

from tensorflow.core.framework import node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs

SAME_NUMBERS = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient"})


def first_source(node: node_def_pb2.NodeDef) -> str:
    """Return the node that gives a node its values; raises ``BadFile`` for one that reads none."""
    sources = graphs.sources(node)
    if not sources:
        raise BadFile(f"node '{node.name}' ({node.op}) has no input")
    return sources[0]


def behind_reshapes(nodes: graphs.Nodes, name: str) -> node_def_pb2.NodeDef:
    """Return the node whose numbers a tensor has, maybe in another shape."""
    node = nodes[name]
    while node.op in SAME_NUMBERS and not is_later_output(node):
        node = nodes[first_source(node)]
    return node


def is_later_output(node: node_def_pb2.NodeDef) -> bool:
    """Tell whether a node copies what is not the first output of another, which has no name."""
    return bool(node.input) and graphs.output_number(node.input[0]) > 0


def with_later_outputs(nodes: graphs.Nodes) -> dict[str, node_def_pb2.NodeDef]:
    """Return a graph in which a node of its own copies each later output that is read.

    A tensor is then the first output of its node, and known by the name of that.
    """
    copies: dict[str, node_def_pb2.NodeDef] = {}
    changed: dict[str, node_def_pb2.NodeDef] = {}
    for node in nodes.values():
        later = [edge for edge in node.input if graphs.output_number(edge)]
        if not later or (node.op == "Identity" and is_later_output(node)):
            continue
        reader = node_def_pb2.NodeDef()
        reader.CopyFrom(node)
        for number, edge in enumerate(node.input):
            if edge in later:
                copy = copies.setdefault(edge, copy_of(edge, nodes))
                reader.input[number] = copy.name
        changed[node.name] = reader
    return {**nodes, **changed, **{copy.name: copy for copy in copies.values()}}


def copy_of(edge: str, nodes: graphs.Nodes) -> node_def_pb2.NodeDef:
    """Return a node of its own, not in the graph yet, for a later output of another."""
    name = edge.replace(":", "/output_")
    while name in nodes:
        name += "_"
    copy = node_def_pb2.NodeDef(name=name, op="Identity", input=[edge])
    held = nodes[graphs.tensor_name(edge)].attr
    copy.attr["T"].type = held["T"].type if "T" in held else types_pb2.DT_FLOAT
    return copy
