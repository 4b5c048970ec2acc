"""What a tensor's numbers come from and go to, past operations that leave them as they are."""

from __future__ import annotations

from tensorflow.core.framework import node_def_pb2

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
    while node.op in SAME_NUMBERS:
        node = nodes[first_source(node)]
    return node
