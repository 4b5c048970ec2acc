"""What a network gives: the logits of a softmax.

Other outputs would be computed without a word: a softmax of probabilities is a softmax too.
"""

from __future__ import annotations

from collections.abc import Collection

from tensorflow.core.framework import node_def_pb2

from blockscope.io.errors import BadFile
from blockscope.models import graphs

SAME_NUMBERS = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient"})
OF_LOGITS = frozenset({"Softmax", "LogSoftmax"})
NO_LOGITS = OF_LOGITS | {"Sigmoid", "Exp", "Softplus", "Tanh"}


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


def check_logits(nodes: graphs.Nodes, name: str) -> None:
    """Refuse a tensor that is known to hold no logits of a softmax.

    Where nothing follows the tensor, it is taken for logits.
    """
    made = behind_reshapes(nodes, name)
    if made.op in NO_LOGITS:
        mend = (
            f"give the tensor before it, logits: {first_source(made)}"
            if made.op in OF_LOGITS
            else "networks whose labels are not those of one softmax are not supported"
        )
        raise BadFile(
            f"'{name}' is the output of {made.op} ('{made.name}'), which gives no logits; {mend} "
            "(models catalogue: logits)"
        )
    readers = {node.op for node in readers_of(nodes, name, SAME_NUMBERS)}
    if "Sigmoid" in readers and not readers & OF_LOGITS:
        raise BadFile(
            f"a sigmoid follows '{name}': each label has a probability of its own; networks whose "
            "labels are not those of one softmax are not supported (models catalogue: logits)"
        )


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
