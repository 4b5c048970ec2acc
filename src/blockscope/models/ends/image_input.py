"""The input of a network in normal form: a placeholder of float32 (image, row, col, channel).

TensorFlow would compute other inputs without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.ends.image_and_logits import SAME_NUMBERS
from blockscope.models.entry import InputSettings
from blockscope.models.graph import graphs
from blockscope.models.graph.making import transpose
from blockscope.models.preprocessing import Preprocessing

COLOURS = 3
FLOATS = frozenset({
    types_pb2.DT_FLOAT, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16, types_pb2.DT_DOUBLE
})  # fmt: skip
WHOLE = frozenset({
    types_pb2.DT_UINT8, types_pb2.DT_UINT16, types_pb2.DT_INT16, types_pb2.DT_INT32,
    types_pb2.DT_INT64,
})  # fmt: skip
MOST_IMAGES = 256  # at once, of a network that takes a fixed number
# Operations that hand on the numbers of some inputs as they are, which is the same with float32;
# what their other inputs hold is places and sizes.
_FIRST = (SAME_NUMBERS - {"StopGradient"}) | {
    "EnsureShape", "GatherV2", "MirrorPad", "Pad", "ResizeNearestNeighbor", "ReverseV2", "Slice",
    "SplitV", "StridedSlice", "Tile", "Transpose", "Unpack",
}  # fmt: skip
HANDED_ON = dict.fromkeys(_FIRST, slice(0, 1)) | {
    "Split": slice(1, 2),
    "Pack": slice(None),
    "ConcatV2": slice(0, -1),
}
RESIZING = frozenset({"ResizeBilinear", "ResizeBicubic"})  # any numbers to float32
# From black to white behind a network's own scaling: less is no image.
LEAST_CONTRAST = 0.05


def channels_of(node: NodeDef, image: InputSettings) -> int | None:
    """Return how many channels an input says that it has; None where it does not.

    Raises ``BadFile`` for what is no image of one or three.
    """
    sizes = _sizes(node)
    if sizes is None:
        return None
    last = image.layout == "channels_last"
    depth = sizes[3 if last else 1] if len(sizes) == 4 else 0
    if depth not in (-1, 1, COLOURS):
        raise BadFile(f"input tensor '{node.name}' {_not_an_image(sizes, last)}")
    return depth if depth > 0 else None


def check_size(node: NodeDef, image: InputSettings) -> None:
    """Refuse an input that is made for images of another size than the catalogue gives."""
    sizes = _sizes(node)
    if sizes is None:
        return
    given = sizes[1:3] if image.layout == "channels_last" else sizes[2:4]
    fitting = [known if known > 0 else size for known, size in zip(given, image.size, strict=True)]
    if fitting != list(image.size):
        made = " x ".join(str(size) if size > 0 else "any" for size in given)
        asked = " x ".join(map(str, image.size))
        raise BadFile(
            f"input tensor '{node.name}' is made for images of {made} pixels, not of {asked}; give "
            f"input.size: {fitting} (models catalogue)"
        )


def batch_of(node: NodeDef) -> int:
    """Return how many images an input takes; 1 where it takes any number.

    Raises ``BadFile`` for more than `MOST_IMAGES`: the network is computed for as many once.
    """
    sizes = _sizes(node)
    count = max(sizes[0], 1) if sizes else 1
    if count > MOST_IMAGES:
        raise BadFile(
            f"input '{node.name}' takes {count:,} images at once; valid: any number, or up to "
            f"{MOST_IMAGES:,}; export the network for any number of images"
        )
    return count


def _sizes(node: NodeDef) -> list[int] | None:
    """Return the sizes that a placeholder states, -1 for any; None where it states none."""
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    if shape is None or shape.unknown_rank or not shape.dim:
        return None
    return [dim.size for dim in shape.dim]


def _not_an_image(sizes: Sequence[int], last: bool) -> str:
    shown = ", ".join(str(size) if size > 0 else "any" for size in sizes)
    other = len(sizes) == 4 and sizes[1 if last else 3] in (1, COLOURS)
    if other:
        layout = "channels_first" if last else "channels_last"
        why = f"its channels come {'first' if last else 'last'}; give layout: {layout}"
    else:
        why = "it is not an image of three colours or of grey"
    valid = "(image, row, col, channel)" if last else "(image, channel, row, col)"
    return (
        f"has the shape ({shown}): {why}; valid: {valid} of 3 channels, or of 1 (models catalogue: "
        "input.tensor, input.layout)"
    )


def input_nodes(node: NodeDef, channels: int, layout: str, taken: graphs.Nodes) -> list[NodeDef]:
    """Return the nodes that replace an input: a placeholder, and what makes the input from it.

    The input keeps its name; where it is not the placeholder itself, that gets a name of its own.
    """
    kind = _kind(node)
    if layout == "channels_last" and kind not in FLOATS - {types_pb2.DT_FLOAT}:
        return [_placeholder(node.name, channels)]
    name = f"{node.name}_image"
    while name in taken:
        name += "_"
    made = [_placeholder(name, channels)]
    if layout == "channels_first":
        made += transpose(node.name, name, (0, 3, 1, 2), f"{name}/to_channels_first")
    if kind in FLOATS - {types_pb2.DT_FLOAT}:
        if layout == "channels_first":
            made[-1].name = f"{name}/channels_first"
        cast = NodeDef(op="Cast", input=[made[-1].name])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = types_pb2.DT_FLOAT, kind
        made.append(cast)
    made[-1].name = node.name
    return made


def _placeholder(name: str, channels: int) -> NodeDef:
    fresh = NodeDef(name=name, op="Placeholder")
    fresh.attr["dtype"].type = types_pb2.DT_FLOAT
    for size in (-1, -1, -1, channels):
        fresh.attr["shape"].shape.dim.add(size=size)
    return fresh


def _kind(node: NodeDef) -> int:
    """Return the type of an input's numbers; refuses one of no numbers."""
    kinds = [node.attr[key].type for key in ("dtype", "T") if key in node.attr]
    kind = kinds[0] if kinds else types_pb2.DT_FLOAT
    if kind not in FLOATS | WHOLE:
        raise BadFile(
            f"input tensor '{node.name}' holds {type_name(kind)}; valid: float32, another type of "
            "float, uint8 or another type of whole numbers"
        )
    return int(kind)


def type_name(number: int) -> str:
    """Return the name of a type; a damaged file may hold numbers of none."""
    known = number in types_pb2.DataType.values()
    return str(types_pb2.DataType.Name(number)) if known else f"type {number}"


def lift_whole_numbers(nodes: Sequence[NodeDef], start: str, rule: Preprocessing) -> None:
    """Turn what computes with an input's whole numbers into float32, in place.

    ``nodes``: each after those that it reads.

    Casting the image to them would lose its gradient, and the brightness of rounded numbers. The
    network's own cast to floats becomes one of floats, which changes no number.
    """
    by_name = {node.name: node for node in nodes}
    kind = _kind(by_name[start])
    if kind not in WHOLE:
        return
    words = f"input tensor '{start}' holds whole numbers ({type_name(kind)})"
    if list(rule.range) != [0, 255] or rule.mean or rule.std or rule.order == "grey":
        raise BadFile(
            f"{words}; valid: range [0, 255] without mean and std, of colours (models catalogue: "
            "input.range)"
        )
    lifted = {start}
    for node in nodes:
        read = [source in lifted for source in graphs.sources(node)]
        if not any(read) or node.op in ("Shape", "Size", "Rank"):
            continue
        handed_on = read[HANDED_ON.get(node.op, slice(0))]
        if node.op == "Cast" and node.attr["DstT"].type in FLOATS:
            node.attr["SrcT"].type = types_pb2.DT_FLOAT
        elif node.op in RESIZING:
            node.attr["T"].type = types_pb2.DT_FLOAT
        elif handed_on and all(handed_on):
            node.attr["Tparams" if node.op == "GatherV2" else "T"].type = types_pb2.DT_FLOAT
            lifted.add(node.name)
        else:
            raise BadFile(
                f"{words}, with which '{node.name}' ({node.op}) computes; valid: a network that "
                "casts them to float32 first, or an export of one with a float32 input"
            )


def check_contrast(nodes: graphs.Nodes, start: str, rule: Preprocessing) -> None:
    """Refuse a rule that scales for a network that scales as well.

    Follows the multiplications by one number right behind the input, such as Keras's ``Rescaling``.
    """
    low, high = rule.range
    fed = (high - low) / min(rule.std or (1.0,))
    factor, name, by = 1.0, start, ""
    while True:
        found = [node for node in nodes.values() if name in graphs.sources(node)]
        found = [node for node in found if node.op not in ("Shape", "Size", "Rank")]
        if len(found) != 1:
            break
        step = _factor(nodes, found[0], name)
        if step is None:
            break
        if step != 1.0:
            by = found[0].name
        factor, name = factor * step, found[0].name
    if by and 0 < abs(factor) * fed < LEAST_CONTRAST:
        raise BadFile(
            f"the network itself multiplies its input by {factor:.3g} ('{by}'), so that from black "
            f"to white there would be {abs(factor) * fed:.2g}; it seems to be scaled twice: give "
            "range: [0, 255] alone, or the preset of this network (models catalogue: input)"
        )


def _factor(nodes: graphs.Nodes, node: NodeDef, read: str) -> float | None:
    """Return what a node multiplies its input by; None where it does something else."""
    if node.op in SAME_NUMBERS | {"Cast", "Transpose", "ResizeBilinear"}:
        return 1.0
    if node.op not in ("Add", "AddV2", "Sub", "Mul", "RealDiv"):
        return None
    first, second = graphs.sources(node)
    other = _constant(nodes, second if first == read else first)
    if other is None or (node.op == "RealDiv" and second == read) or first == second:
        return None
    if node.op in ("Add", "AddV2", "Sub"):
        return 1.0
    sizes = np.abs(other.astype(np.float64))
    if not sizes.all():
        return None
    return float(1 / sizes.min() if node.op == "RealDiv" else sizes.max())


def _constant(nodes: Mapping[str, NodeDef], name: str) -> np.ndarray | None:
    node = nodes[name]
    while node.op in SAME_NUMBERS | {"Cast"} and graphs.sources(node):
        node = nodes[graphs.sources(node)[0]]
    if node.op != "Const":
        return None
    return np.asarray(make_ndarray(node.attr["value"].tensor))
