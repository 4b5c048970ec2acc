"""Values for the inputs of a network that are no image: constants in its normal form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.entry import FedValue
from blockscope.models.graph.making import constant

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderWithDefault"})
WHERE = "(models catalogue: feed)"
FEW = 4  # entries of a row that an example shows
DEEPEST = 3  # lists in lists, as the catalogue takes them


def check_names(
    feed: Mapping[str, FedValue], nodes: Sequence[NodeDef], start: str, others: Sequence[str] = ()
) -> None:
    """Refuse inputs without a value, and values for what is no input that the logits need.

    ``others``: inputs that are needed no more.
    """
    inputs = [node for node in nodes if node.op in PLACEHOLDERS and node.name != start]
    known = [*(node.name for node in inputs), *others]
    for name in feed:
        if name not in known:
            what = "is the image" if name == start else "is no input that the logits need"
            valid = f"inputs beside the image: {', '.join(known)}" if known else "there are none"
            raise BadFile(f"feed names '{name}', which {what}; {valid} {WHERE}")
    missing = [n for n in inputs if n.op == "Placeholder" and n.name not in feed]
    if missing:
        listed = ", ".join(f"'{n.name}' ({_kind_name(n)} {_shown(n)})" for n in missing)
        example = _example(missing[0])
        give = f"give a value, as in {example}, or " if example else ""
        raise BadFile(
            f"the logits also need {'the input' if len(missing) == 1 else 'the inputs'} {listed} "
            f"beside the image '{start}'; {give}export the network for inference {WHERE}"
        )


def _example(node: NodeDef) -> str:
    """Return a value that an input takes, as it is written; nothing where feed has none."""
    kind, sizes = tf.as_dtype(node.attr["dtype"].type), _of_one(_sizes(node) or [])
    if not (kind.is_floating or kind.is_integer or kind.is_bool) or len(sizes) > DEEPEST:
        return ""
    value = "false" if kind.is_bool else "1"
    for size in reversed(sizes):
        count = max(size, 1)
        value = f"[{', '.join([value] * min(count, FEW))}{', ...' if count > FEW else ''}]"
    return f"feed: {{{node.name}: {value}}}"


def fed_nodes(node: NodeDef, value: FedValue, image: str) -> list[NodeDef]:
    """Return the nodes that replace an input by a value; the last one has the input's name.

    Where the input's first axis is the batch, the value is of one image, and is repeated for each
    image of the placeholder ``image``.
    """
    array = as_array(node, value)
    sizes = _sizes(node)
    if sizes is None or not sizes or sizes[0] != -1:
        return [constant(node.name, array)]
    inside = f"{node.name}/of_one"
    shape, batch, many = (f"{node.name}/{part}" for part in ("image_shape", "batch", "repeats"))
    made = [constant(inside, array[None])]
    made.append(NodeDef(name=shape, op="Shape", input=[image]))
    made[-1].attr["T"].type = types_pb2.DT_FLOAT
    made[-1].attr["out_type"].type = types_pb2.DT_INT32
    ends = [constant(f"{batch}/{key}", np.array([n], np.int32)) for key, n in _FIRST.items()]
    made += ends
    made.append(NodeDef(name=batch, op="StridedSlice", input=[shape, *(end.name for end in ends)]))
    made[-1].attr["T"].type = made[-1].attr["Index"].type = types_pb2.DT_INT32
    for mask in ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"):
        made[-1].attr[mask].i = 0
    made[-1].attr["shrink_axis_mask"].i = 1
    once = constant(f"{many}/once", np.array(1, np.int32))
    made += [once, NodeDef(name=many, op="Pack", input=[batch, *[once.name] * array.ndim])]
    made[-1].attr["T"].type = types_pb2.DT_INT32
    made[-1].attr["N"].i, made[-1].attr["axis"].i = 1 + array.ndim, 0
    made.append(NodeDef(name=node.name, op="Tile", input=[inside, many]))
    made[-1].attr["T"].type = node.attr["dtype"].type
    made[-1].attr["Tmultiples"].type = types_pb2.DT_INT32
    return made


_FIRST = {"begin": 0, "end": 1, "step": 1}  # the slice [0:1] of a shape


def as_array(node: NodeDef, value: FedValue) -> npt.NDArray[np.generic]:
    """Return a value in the type and shape of an input; raises ``BadFile`` where it has another."""
    given = f"feed gives {value} for the input '{node.name}'"
    example = _example(node)
    valid = f"; valid: values as in {example}" if example else ""
    try:
        array = np.array(value)
    except ValueError as error:  # rows of several lengths
        raise BadFile(f"{given}, which is no array{valid} {WHERE}") from error
    kind = tf.as_dtype(node.attr["dtype"].type)
    as_bool = array.dtype == bool
    if not (kind.is_floating or kind.is_integer or kind.is_bool):
        raise BadFile(f"input '{node.name}' holds {kind.name}, which feed cannot give {WHERE}")
    converted = array.astype(kind.as_numpy_dtype)
    if as_bool != kind.is_bool or (
        kind.is_integer and not np.array_equal(converted.astype(np.float64), array)
    ):
        raise BadFile(f"{given}, which holds {kind.name}{valid} {WHERE}")
    sizes = _sizes(node)
    if sizes is not None:
        wanted = _of_one(sizes)
        fits = len(wanted) == array.ndim and all(
            size in (-1, found) for size, found in zip(wanted, array.shape, strict=True)
        )
        if not fits:
            one = ", of which one image has " + _shape_words(wanted) if wanted != sizes else ""
            raise BadFile(
                f"{given}, whose shape is {_shown(node)}{one}; found {_shape_words(array.shape)} "
                f"{WHERE}"
            )
    return converted


def _of_one(sizes: list[int]) -> list[int]:
    """Return the sizes of what one image has: an axis of any size before others is the batch."""
    return sizes[1:] if sizes and sizes[0] == -1 else sizes


def _sizes(node: NodeDef) -> list[int] | None:
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    # What an old file writes for a shape that is not known is the one of a single number.
    if shape is None or shape.unknown_rank:
        return None
    return [dim.size for dim in shape.dim]


def _shown(node: NodeDef) -> str:
    sizes = _sizes(node)
    return "of unknown shape" if sizes is None else _shape_words(sizes)


def _shape_words(sizes: Sequence[int]) -> str:
    listed = ", ".join("any" if size < 0 else str(size) for size in sizes)
    return f"({listed})" if sizes else "one number"


def _kind_name(node: NodeDef) -> str:
    return str(tf.as_dtype(node.attr["dtype"].type).name)
