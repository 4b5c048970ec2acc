"""What a tensor's numbers come from and go to, past operations that leave them as they are."""

from __future__ import annotations

from collections.abc import Collection

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


def readers_of(
    nodes: graphs.Nodes, name: str, through: Collection[str]
) -> list[node_def_pb2.NodeDef]:
    """Return what reads a tensor, directly or through some operations; not these."""
    found: list[node_def_pb2.NodeDef] = []
    left, seen = [name], {name}
    while left:
        read = left.pop()
        for node in nodes.values():
            if node.name not in seen and read in graphs.sources(node)[:1]:
                seen.add(node.name)
                if node.op in through:
                    left.append(node.name)
                else:
                    found.append(node)
    return found
