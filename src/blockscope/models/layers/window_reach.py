"""Where the windows of convolutions and pools begin and end on the map that they slide over."""

from __future__ import annotations

from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.making import held
from blockscope.models.graph.node_attributes import attribute

SLIDING = frozenset(
    {"Conv2D", "DepthwiseConv2dNative", "MaxPool", "MaxPoolV2", "AvgPool", "Conv2DBackpropInput"}
)
INTERLEAVED = frozenset({"SpaceToBatchND", "BatchToSpaceND"})


def reach(
    node: node_def_pb2.NodeDef, axis: int, nodes: graphs.Nodes, shapes: Shapes
) -> tuple[float, float] | None:
    """Return where the entries of a map begin and end, in entries of the map it is computed from.

    An entry is at the centre of its window, and as long as the stride. ``axis`` is 1 or 2, the maps
    have channels last. None where it is not known.
    """
    if node.op in INTERLEAVED:
        return _of_interleaved(node, axis, nodes, shapes)
    if node.op not in SLIDING:  # each entry stays where it is, however many they become
        source = graphs.sources(node)[0]
        return 0.0, float(shapes[source][axis])
    transposed = node.op == "Conv2DBackpropInput"
    data = graphs.sources(node)[2 if transposed else 0]
    size, count = shapes[data][axis], shapes[node.name][axis]
    kernel, stride = window(node, axis, nodes, shapes), _along(node, "strides", axis, nodes)
    if kernel is None or stride is None:
        return None
    small, large = (size, count) if transposed else (count, size)
    padding = attribute(node, "padding")
    before = 0
    if padding == "SAME":
        before = max((small - 1) * stride + kernel - large, 0) // 2
    elif padding == "EXPLICIT":
        before = attribute(node, "explicit_paddings")[2 * axis]
    begin = (kernel - stride) / 2 - before
    if transposed:
        return -begin / stride, (count - begin) / stride
    return begin, begin + count * stride


def window(
    node: node_def_pb2.NodeDef, axis: int, nodes: graphs.Nodes, shapes: Shapes
) -> int | None:
    """Return how many entries a window covers, with what dilation leaves out."""
    if "Pool" in node.op:
        return _along(node, "ksize", axis, nodes)
    kernel = shapes.get(graphs.sources(node)[1])
    dilations = attribute(node, "dilations")
    if not kernel:
        return None
    return (kernel[axis - 1] - 1) * (dilations[axis] if dilations else 1) + 1


def _along(node: node_def_pb2.NodeDef, name: str, axis: int, nodes: graphs.Nodes) -> int | None:
    """Return a window's size or stride along an axis, which MaxPoolV2 reads as inputs."""
    value = attribute(node, name)
    if node.op == "MaxPoolV2":
        value = held(node, 1 if name == "ksize" else 2, nodes)
    return None if value is None else int(value[axis])


def _of_interleaved(
    node: node_def_pb2.NodeDef, axis: int, nodes: graphs.Nodes, shapes: Shapes
) -> tuple[float, float] | None:
    """Return where the entries of images taken apart, or put together again, begin and end."""
    blocks, edges = held(node, 1, nodes), held(node, 2, nodes)
    if blocks is None or edges is None:
        return None
    size = float(shapes[graphs.sources(node)[0]][axis])
    if axis > len(blocks):
        return 0.0, size
    before, after = (float(edge) for edge in edges[axis - 1])
    if node.op == "SpaceToBatchND":
        return -before, size + after
    block = int(blocks[axis - 1])
    return before / block, size - after / block
