"""Dilated convolutions written as a convolution of interleaved images.

TensorFlow 1 writes them so: every second position goes to another entry of the image axis, and back
after the convolution. In between, tensors have several entries per image and are no layers.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import (
    MOST_VALUES,
    constant,
    copied,
    held,
    operation,
    typed,
    with_nodes,
)
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.graph.weight_cells import dilated_block, marked

CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
ONLY_WIDE = frozenset({"DepthwiseConv2dNative", "Conv2DBackpropInput"})


def as_dilated(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with SpaceToBatch, Conv2D, BatchToSpace as a dilated convolution.

    The dilated convolution takes the name of the last one. Needs constants to be folded.
    """
    nodes = {node.name: node for node in definition.node}
    readers = Counter(source for node in definition.node for source in graphs.sources(node))
    made: list[node_def_pb2.NodeDef] = []
    for node in definition.node:
        made += _dilated(node, nodes, readers) or [copied(node)]
    made = [part for node in made for part in _with_wide_kernel(node, nodes)]
    kept = {n.name: n for n in made}
    needed = graphs.toposort(kept, [n for n in graphs.sinks(definition) if n in kept])
    return with_nodes(definition, needed)


def _dilated(
    last: node_def_pb2.NodeDef, nodes: graphs.Nodes, readers: Counter[str]
) -> list[node_def_pb2.NodeDef]:
    """Return pad, dilated convolution, crop for a BatchToSpaceND; nothing for any other node."""
    if last.op != "BatchToSpaceND":
        return []
    conv = nodes[graphs.sources(last)[0]]
    if conv.op not in CONVOLUTIONS or readers[conv.name] != 1:
        return []
    first = nodes[graphs.sources(conv)[0]]
    if first.op != "SpaceToBatchND" or readers[first.name] != 1:
        return []
    found = [held(*one, nodes) for one in ((last, 1), (last, 2), (first, 1), (first, 2), (conv, 1))]
    constants = [one for one in found if one is not None]
    if len(constants) < len(found) or attribute(conv, "data_format") != "NHWC":
        return []
    blocks, crops, blocks_in, pads, weights = constants
    if blocks.shape != (2,) or not np.array_equal(blocks, blocks_in):
        return []
    if attribute(conv, "padding") == "EXPLICIT" or any(
        set(attribute(conv, name)) != {1} for name in ("strides", "dilations")
    ):
        return []
    edges = pads.copy()
    if attribute(conv, "padding") == "SAME":  # of each of the interleaved images
        reach = np.array(weights.shape[:2]) - 1
        edges += np.stack([reach // 2 * blocks, (reach - reach // 2) * blocks], 1)
    name = last.name
    around = np.array([[0, 0], *edges, [0, 0]], np.int32)
    dilated = copied(conv, f"{name}/_dilated")
    dilated.input[:] = [f"{name}/_padded", conv.input[1]]
    dilated.attr["padding"].s = b"VALID"
    dilated.attr["dilations"].list.i[:] = [1, *(int(b) for b in blocks), 1]
    begin = np.array([0, *crops[:, 0], 0], np.int32)
    end = np.array([0, *(-crops[:, 1]), 0], np.int32)
    mask = sum(1 << axis for axis in range(4) if end[axis] == 0)
    cropped = operation(
        "StridedSlice", name,
        [dilated.name, *(f"{name}/_crop/{word}" for word in ("begin", "end", "strides"))],
        begin_mask=0, end_mask=mask, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0,
    )  # fmt: skip
    return [
        constant(f"{name}/_padded/edges", around),
        typed(
            operation("Pad", f"{name}/_padded", [first.input[0], f"{name}/_padded/edges"]),
            Tpaddings=types_pb2.DT_INT32,
        ),
        dilated,
        constant(f"{name}/_crop/begin", begin),
        constant(f"{name}/_crop/end", end),
        constant(f"{name}/_crop/strides", np.ones(4, np.int32)),
        typed(cropped, Index=types_pb2.DT_INT32),
    ]


def _with_wide_kernel(
    node: node_def_pb2.NodeDef, nodes: graphs.Nodes
) -> list[node_def_pb2.NodeDef]:
    """Put the zeros of a dilated convolution into its kernel where a processor needs that."""
    weights = held(node, 1, nodes) if needs_wide_kernel(node) else None
    if weights is None:
        return [node]
    kernel = constant(f"{node.name}/_wide", wide_kernel(node, weights))
    node.input[1] = kernel.name
    block = dilated_block(_rows_and_cols(node), weights.ndim)
    return [marked(kernel, [block]), without_dilations(node)]


def needs_wide_kernel(node: node_def_pb2.NodeDef) -> bool:
    """Tell whether a dilated convolution is one that no processor computes as it is."""
    return node.op in ONLY_WIDE and max(attribute(node, "dilations") or [1]) > 1


def wide_kernel(
    node: node_def_pb2.NodeDef, weights: npt.NDArray[np.number]
) -> npt.NDArray[np.number]:
    """Return the kernel of a dilated convolution, (row, col, ...), with its zeros."""
    dilations = attribute(node, "dilations")
    rows, cols = _rows_and_cols(node)
    high, wide, *others = weights.shape
    sizes = ((high - 1) * rows + 1, (wide - 1) * cols + 1)
    if min(dilations) < 1 or math.prod((*sizes, *others)) > MOST_VALUES:
        raise BadFile(f"convolution '{node.name}' has the dilations {dilations}; valid: from 1 on")
    kernel = np.zeros((*sizes, *others), weights.dtype)
    kernel[::rows, ::cols] = weights
    return kernel


def _rows_and_cols(node: node_def_pb2.NodeDef) -> list[int]:
    dilations = list(attribute(node, "dilations"))
    return dilations[2:] if attribute(node, "data_format") == "NCHW" else dilations[1:3]


def without_dilations(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    """Return a convolution of a kernel that has its zeros."""
    plain = copied(node)
    plain.attr["dilations"].list.i[:] = [1, 1, 1, 1]
    return plain
