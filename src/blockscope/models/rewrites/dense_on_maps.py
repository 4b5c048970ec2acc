"""Dense layers on maps and tokens: a product over the last axis, without joining the others.

Keras and ONNX write it as Reshape to a matrix, MatMul, Reshape back; in between, the first axis
holds every position of every image.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2

from blockscope.models.graph import graphs
from blockscope.models.graph.graphs import Shapes
from blockscope.models.graph.making import constant, copied, operation, with_nodes
from blockscope.models.graph.node_attributes import attribute


def with_products_of_channels(definition: graph_pb2.GraphDef, shapes: Shapes) -> graph_pb2.GraphDef:
    """Return the graph with a 1 x 1 convolution, or a batched product, for each such dense layer.

    It takes the name of the last Reshape. ``shapes``: of all tensors.
    """
    nodes = {node.name: node for node in definition.node}
    readers = Counter(source for node in definition.node for source in graphs.sources(node))
    made: list[node_def_pb2.NodeDef] = []
    for node in definition.node:
        made += _product(node, nodes, readers, shapes) or [_plain_transpose(node, nodes)]
    kept = {node.name: node for node in made}
    needed = graphs.toposort(kept, graphs.sinks(definition))
    return with_nodes(definition, needed)


def _plain_transpose(node: node_def_pb2.NodeDef, nodes: graphs.Nodes) -> node_def_pb2.NodeDef:
    """Return the node, an Identity for a transposition that moves nothing."""
    fresh = copied(node)
    if node.op == "Transpose":
        order = nodes[graphs.sources(node)[1]]
        if order.op == "Const":
            held = make_ndarray(order.attr["value"].tensor)
            if np.array_equal(held, np.arange(held.size)):
                fresh.op = "Identity"
                del fresh.input[1:]
                del fresh.attr["Tperm"]
    return fresh


def _product(
    last: node_def_pb2.NodeDef, nodes: graphs.Nodes, readers: Counter[str], shapes: Shapes
) -> list[node_def_pb2.NodeDef]:
    """Return the nodes in place of a Reshape that ends a dense layer; nothing for any other."""
    if last.op != "Reshape":
        return []
    product = nodes[graphs.sources(last)[0]]
    if product.op != "MatMul" or readers[product.name] != 1 or attribute(product, "transpose_a"):
        return []
    first, held = (nodes[source] for source in graphs.sources(product))
    if first.op != "Reshape" or held.op != "Const":
        return []
    source = first.input[0]
    before, after = shapes.get(graphs.tensor_name(source), ()), shapes.get(last.name, ())
    if readers[first.name] > 1 and math.prod(before[1:-1]) == 1:
        return []  # a vector for each image, and so a layer: whatever reads it must read this node
    weights = make_ndarray(held.attr["value"].tensor)
    if attribute(product, "transpose_b"):
        weights = weights.T
    if (
        len(before) not in (3, 4)
        or ":" in source
        or shapes.get(first.name) != (int(np.prod(before[:-1])), before[-1])
        or after != (*before[:-1], weights.shape[1])
        or weights.dtype != np.float32
    ):
        return []
    name = f"{last.name}/_weights"
    if len(before) == 4:
        kernel = constant(name, np.ascontiguousarray(weights)[None, None])
        conv = operation(
            "Conv2D", last.name, [source, name], strides=[1, 1, 1, 1], padding="VALID",
            data_format="NHWC", dilations=[1, 1, 1, 1],
        )  # fmt: skip
        return [kernel, conv]
    matrix = constant(name, np.ascontiguousarray(weights))
    product = operation("BatchMatMulV2", last.name, [source, name], adj_x=False, adj_y=False)
    return [matrix, product]
