"""The image axis: a graph that was exported for one image, made to take several at once.

Exporters write the batch of their example into shapes. Whether the mended graph treats each image
by itself is then tried, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.making import (
    constant,
    copied,
    operation,
    typed,
    with_nodes,
)
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.tensor_samples import Samples, close

SIZES = {"Reshape": 1, "BroadcastTo": 1, "Conv2DBackpropInput": 0}  # which input holds the sizes


@dataclass(frozen=True)
class Tried:
    """What a graph gave for two images: alone, and together.

    ``one_by_one``: it is made for one image and takes no two. ``own_axis``: the tensors whose first
    axis is that of the images.
    """

    one_by_one: bool
    own_axis: frozenset[str]


def open_batch(
    definition: graph_pb2.GraphDef, shapes: Shapes, batch: int = 1
) -> graph_pb2.GraphDef:
    """Return the graph with any batch where its shapes were written for one of ``batch``.

    ``shapes``: of all tensors, computed with that batch.
    """
    nodes = {node.name: node for node in definition.node}
    made: list[node_def_pb2.NodeDef] = []
    for node in definition.node:
        made += _opened(node, nodes, shapes, batch)
    return with_nodes(definition, made)


def _opened(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, shapes: Shapes, batch: int
) -> list[node_def_pb2.NodeDef]:
    fresh, out = copied(node), shapes.get(node.name, ())
    if node.op == "StridedSlice":
        of = shapes.get(graphs.sources(node)[0], ())
        return [_all_images(fresh, nodes, batch) if len(of) > 1 and of[0] == batch else fresh]
    if node.op == "Slice":
        return _sliced(fresh, nodes, batch)
    if node.op not in SIZES or not out or out[0] != batch:
        return [fresh]
    place = SIZES[node.op]
    held = nodes[graphs.sources(node)[place]]
    moved = graphs.sources(node)[2 if node.op == "Conv2DBackpropInput" else 0]
    if held.op != "Const" or shapes.get(moved, (0,))[:1] != (batch,):
        return [fresh]
    sizes = make_ndarray(held.attr["value"].tensor)
    if not sizes.size or sizes[0] != batch:
        return [fresh]
    name, rest = f"{node.name}/_sizes", np.array(out[1:], sizes.dtype)
    if node.op == "Reshape":
        fresh.input[1] = name
        return [constant(name, np.array([-1, *rest], sizes.dtype)), fresh]
    # These take no -1: the number of images is read from the tensor.
    kind = types_pb2.DT_INT64 if sizes.dtype == np.int64 else types_pb2.DT_INT32
    fresh.input[place] = name
    zero, one = f"{name}/zero", f"{name}/one"
    return [
        typed(operation("Shape", f"{name}/of", [moved]), out_type=kind),
        constant(zero, np.array([0], np.int32)),
        constant(one, np.array([1], np.int32)),
        typed(
            operation(
                "StridedSlice", f"{name}/images", [f"{name}/of", zero, one, one], begin_mask=0,
                end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0,
            ),
            T=kind, Index=types_pb2.DT_INT32,
        ),
        constant(f"{name}/rest", rest),
        constant(f"{name}/axis", np.array(0, np.int32)),
        typed(
            operation(
                "ConcatV2", name, [f"{name}/images", f"{name}/rest", f"{name}/axis"], N=2
            ),
            T=kind, Tidx=types_pb2.DT_INT32,
        ),
        fresh,
    ]  # fmt: skip


def _all_images(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, batch: int
) -> node_def_pb2.NodeDef:
    """Let a slice that takes all images of the example's batch take all of any."""
    held = [nodes[source] for source in graphs.sources(node)[1:]]
    if any(one.op != "Const" for one in held):
        return node
    begin, end, step = (make_ndarray(one.attr["value"].tensor) for one in held)
    masks = ("new_axis_mask", "shrink_axis_mask", "ellipsis_mask")
    first = any(int(attribute(node, mask)) & 1 for mask in masks)
    if begin.size and not first and (begin[0], end[0], step[0]) == (0, batch, 1):
        node.attr["end_mask"].i = int(attribute(node, "end_mask")) | 1
    return node


def _sliced(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes, batch: int
) -> list[node_def_pb2.NodeDef]:
    begin, size = (nodes[source] for source in graphs.sources(node)[1:])
    if begin.op == size.op == "Const":
        first = make_ndarray(begin.attr["value"].tensor)
        sizes = make_ndarray(size.attr["value"].tensor).copy()
        if sizes.size and first[0] == 0 and sizes[0] == batch:
            sizes[0] = -1
            node.input[2] = f"{node.name}/_sizes"
            return [constant(node.input[2], sizes), node]
    return [node]


def compared(
    alone: Sequence[Samples],
    together: Samples | None,
    twice: Callable[[], Samples | None],
    logits: str,
) -> Tried:
    """Compare tensors of two images alone with those of both together.

    Parameters
    ----------
    alone
        The tensors of each image by their names.
    together
        Those of a batch of both images; None where it cannot be computed.
    twice
        Computes those of a batch of the first image twice.
    logits
        Name of the logits.

    Returns
    -------
    tried
        What the comparison says.

    Raises
    ------
    BadFile
        The logits of an image depend on the other images of its batch.
    """
    first, second = alone
    if together is not None and _each_alone(together, first, second, logits):
        own = {n for n in first if n in together and _each_alone(together, first, second, n)}
        return Tried(False, frozenset(own))
    same = twice() if together is not None else None
    if same is not None and _each_alone(same, first, first, logits):
        raise BadFile(
            "the logits of an image depend on the other images of its batch, as those of batch "
            "norm in training mode do; export the network for inference"
        )
    own = {name for name, sample in first.items() if sample.shape[:1] == (1,)}
    return Tried(True, frozenset(own))


def _each_alone(both: Samples, first: Samples, second: Samples, name: str) -> bool:
    """Tell whether entry i of a tensor for two images is that of image i alone."""
    found, parts = both[name], (first[name], second[name])
    if found.shape[:1] != (2,) or any(part.shape != (1, *found.shape[1:]) for part in parts):
        return False
    return close(found.values, np.concatenate([part.values for part in parts]))
