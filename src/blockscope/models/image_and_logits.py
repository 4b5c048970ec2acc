"""What a network reads: an image of three colours.

TensorFlow would compute other networks without a word: it takes a filter for one grey channel as a
grouped convolution of three colours.
"""

from __future__ import annotations

from collections.abc import Collection

from tensorflow.core.framework import node_def_pb2

from blockscope.io.errors import BadFile
from blockscope.models import graphs

COLOURS = 3
SAME_NUMBERS = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient"})
# What a preparation of the image may be made of, up to the first convolution.
PREPARATION = SAME_NUMBERS | {
    "Add", "AddV2", "BiasAdd", "Mul", "Sub", "RealDiv", "ResizeBilinear", "ResizeNearestNeighbor",
}  # fmt: skip


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


def check_image(nodes: graphs.Nodes, name: str) -> None:
    """Refuse an input that is no image (image, row, col, channel) of three colours."""
    node = nodes[name]
    known = node.attr["shape"].shape if "shape" in node.attr else None
    if known is not None and not known.unknown_rank and known.dim:
        sizes = [dim.size for dim in known.dim]
        shown = ", ".join(str(size) if size > 0 else "any" for size in sizes)
        if len(sizes) != 4 or sizes[3] not in (-1, COLOURS):
            first = len(sizes) == 4 and sizes[1] in (1, COLOURS)
            why = "its channels come first" if first else "it is not an image of three colours"
            raise BadFile(
                f"input tensor '{name}' has the shape ({shown}): {why}; valid: (image, row, col, "
                f"{COLOURS}) (models catalogue: input.tensor)"
            )
        if sizes[3] == COLOURS:
            return
    for reader in _readers(nodes, name, PREPARATION):
        depth = _filter_depth(nodes, reader)
        if depth not in (None, COLOURS):
            raise BadFile(
                f"convolution '{reader.name}' reads {depth} channels of the input '{name}'; only "
                f"images of {COLOURS} colours are supported (models catalogue: input.tensor)"
            )


def _readers(
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


def _filter_depth(nodes: graphs.Nodes, node: node_def_pb2.NodeDef) -> int | None:
    """Return how many channels the filter of a convolution reads; None where that is not known."""
    if node.op != "Conv2D" or len(graphs.sources(node)) != 2:
        return None
    held = behind_reshapes(nodes, graphs.sources(node)[1])
    if held.op != "Const":  # asked first: reading an attribute that is not there makes one
        return None
    sizes = [dim.size for dim in held.attr["value"].tensor.tensor_shape.dim]
    return int(sizes[2]) if len(sizes) == 4 else None
