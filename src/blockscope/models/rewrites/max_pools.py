"""Max pooling as the one operation that is differentiated and overridden.

Paddings of its own become a padding before it; a window that is read from inputs, its attributes.
"""

from __future__ import annotations

import numpy as np
from tensorflow.core.framework import graph_pb2, types_pb2

from blockscope.models.graph.making import constant, copied, held, operation, typed, with_nodes
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.rewrites.pool_fills import LOWEST


def with_plain_pools(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with max poolings that pad by no explicit numbers, of one operation.

    A ``MaxPoolV2`` whose window or strides are computed from the image stays as it is.
    """
    made = []
    nodes = {node.name: node for node in definition.node}
    for node in definition.node:
        fresh = copied(node)
        read = [held(node, number, nodes) for number in (1, 2)] if node.op == "MaxPoolV2" else []
        sizes = [size for size in read if size is not None]
        if len(sizes) == 2:
            fresh.op = "MaxPool"
            del fresh.input[1:3]
            for key, size in zip(("ksize", "strides"), sizes, strict=True):
                fresh.attr[key].list.i.extend(map(int, np.ravel(size)))
        if node.op == "MaxPool" and attribute(node, "padding") == "EXPLICIT":
            edges = np.reshape(attribute(node, "explicit_paddings"), (4, 2)).astype(np.int32)
            pads = constant(f"{node.name}/_edges", edges)
            lowest = constant(f"{node.name}/_lowest", np.array(LOWEST, np.float32))
            name = f"{node.name}/_padded"
            padded = operation("PadV2", name, [node.input[0], pads.name, lowest.name])
            made += [pads, lowest, typed(padded, Tpaddings=types_pb2.DT_INT32)]
            fresh.input[:] = [name]
            fresh.attr["padding"].s = b"VALID"
            del fresh.attr["explicit_paddings"]
        made.append(fresh)
    return with_nodes(definition, made)
