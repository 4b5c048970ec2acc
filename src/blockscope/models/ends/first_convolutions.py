"""Whether the first convolutions read as many channels as the image has.

TensorFlow would take a filter for one grey channel for a grouped convolution of three colours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.ends.image_and_logits import SAME_NUMBERS
from blockscope.models.ends.image_input import COLOURS
from blockscope.models.graph import graphs
from blockscope.models.graph.making import held
from blockscope.models.graph.node_attributes import attribute

CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
# What leaves the number of channels as it is, and their axis where it is. Of the first input:
OF_ONE = SAME_NUMBERS | {
    "Abs", "AvgPool", "BiasAdd", "Cast", "CheckNumerics", "ClipByValue", "Elu", "EnsureShape",
    "Exp", "Floor", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "LeakyRelu", "Log",
    "LRN", "MaxPool", "Neg", "PreventGradient", "Reciprocal", "Relu", "Relu6", "ReverseV2", "Rint",
    "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Snapshot", "Softplus", "Sqrt", "Square", "Tanh",
}  # fmt: skip
OF_SEVERAL = frozenset({
    "Add", "AddV2", "AddN", "Div", "DivNoNan", "Maximum", "Minimum", "Mul", "MulNoNan", "Pow",
    "RealDiv", "Select", "SelectV2", "SquaredDifference", "Sub",
})  # fmt: skip
OF_CHANNELS_LAST = frozenset({
    "ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor",
    "ScaleAndTranslate", "SpaceToBatchND",
})  # fmt: skip
PADS = frozenset({"Pad", "PadV2", "MirrorPad"})
AXES = 4  # of an image


def check_first_convolutions(
    nodes: graphs.Nodes, placeholder: str, channels: int, name: str
) -> None:
    """Refuse a convolution of the image whose filters read another number of channels.

    Only for an input that does not state its channels: a grouped convolution of as many as the
    file says is one.

    Parameters
    ----------
    nodes
        The graph in normal form, whose constants are computed.
    placeholder
        Its input, (image, row, col, channel).
    channels
        How many channels it is fed.
    name
        The input's name in the file.

    Raises
    ------
    BadFile
        A convolution reads more channels or fewer.
    """
    for node, depth in _convolutions(nodes, placeholder):
        if depth != channels:
            mend = {
                1: "for a grey network give order: grey; ",
                COLOURS: "for a network of colours give order: rgb or bgr; ",
            }
            raise BadFile(
                f"convolution '{node.name}' reads {counted(depth, 'channel')} of the input "
                f"'{name}', which is fed {channels}, and whose shape does not say how many it has; "
                f"{mend.get(depth, '')}valid: images of {COLOURS} colours, or grey (models "
                "catalogue: input.order, input.tensor)"
            )


def _convolutions(nodes: graphs.Nodes, placeholder: str) -> Iterator[tuple[NodeDef, int]]:
    """Yield the convolutions of the image's channels, and how many each one's filters read."""
    readers: dict[str, list[NodeDef]] = {}
    for node in nodes.values():
        for source in dict.fromkeys(graphs.sources(node)):
            readers.setdefault(source, []).append(node)
    left, seen = [(placeholder, AXES - 1)], {placeholder}
    while left:
        read, axis = left.pop()
        for node in readers.get(read, ()):
            if node.op in CONVOLUTIONS:
                filters = held(node, 1, nodes)
                at = 1 if attribute(node, "data_format") == "NCHW" else AXES - 1
                if filters is not None and filters.ndim == AXES and at == axis:
                    yield node, filters.shape[2]
                continue
            after = _axis_after(node, read, axis, nodes)
            if after is not None and node.name not in seen:
                seen.add(node.name)
                left.append((node.name, after))


def _axis_after(node: NodeDef, read: str, axis: int, nodes: graphs.Nodes) -> int | None:
    """Return the channels' axis behind a node; None where there may be other channels."""
    if node.op in OF_SEVERAL:
        others = (place for place, one in enumerate(graphs.sources(node)) if one != read)
        return axis if all(_is_thin(held(node, place, nodes), axis) for place in others) else None
    if graphs.sources(node)[0] != read:
        return None
    if node.op == "Reshape":  # other sizes may be rows or columns moved to the channels
        sizes = held(node, 1, nodes)
        whole = sizes is None or sizes.shape != (AXES,) or sizes[axis] in (-1, 1, COLOURS)
        return axis if whole else None
    if node.op in OF_ONE or (node.op in OF_CHANNELS_LAST and axis == AXES - 1):
        return axis
    if node.op in PADS:
        pads = held(node, 1, nodes)
        return axis if pads is None or (pads.shape == (AXES, 2) and not pads[axis].any()) else None
    if node.op == "Transpose":
        order = held(node, 1, nodes)
        known = order is not None and sorted(order.ravel()) == list(range(AXES))
        return order.ravel().tolist().index(axis) if order is not None and known else None
    if node.op == "Slice":
        begin, sizes = held(node, 1, nodes), held(node, 2, nodes)
        known = sizes is not None and sizes.shape == (AXES,) and sizes[axis] == -1
        return axis if known and (begin is None or not begin[axis]) else None
    return axis if node.op == "StridedSlice" and _takes_all(node, axis, nodes) else None


def _is_thin(other: np.ndarray | None, axis: int) -> bool:
    """Tell whether a constant has one entry for all channels, which makes no more of them."""
    place = axis - AXES
    return other is None or other.ndim < -place or other.shape[place] == 1


def _takes_all(node: NodeDef, axis: int, nodes: graphs.Nodes) -> bool:
    """Tell whether a slice takes every channel, in whatever order."""
    steps, begin = held(node, 3, nodes), held(node, 1, nodes)
    if steps is None or attribute(node, "new_axis_mask") or attribute(node, "shrink_axis_mask"):
        return False
    skipped = int(attribute(node, "ellipsis_mask"))
    place = axis
    if skipped:
        ellipsis = skipped.bit_length() - 1
        if axis >= ellipsis:
            place = axis - AXES + len(steps)
            if place <= ellipsis:
                return True
    if place >= len(steps):
        return True
    to_end = int(attribute(node, "end_mask")) >> place & 1
    from_start = int(attribute(node, "begin_mask")) >> place & 1
    from_zero = steps[place] == 1 and begin is not None and begin[place] == 0
    return bool(to_end and abs(steps[place]) == 1 and (from_start or from_zero))
