"""Max pooling with paddings of its own as padding and pooling, which TensorFlow differentiates."""

from __future__ import annotations

import numpy as np
from tensorflow.core.framework import graph_pb2, types_pb2

from blockscope.models.graph.making import constant, copied, operation, typed, with_nodes
from blockscope.models.graph.node_attributes import attribute

LOWEST = np.finfo(np.float32).min  # never the largest


def with_padding_apart(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph with a padding before each max pooling that pads by explicit numbers."""
    made = []
    for node in definition.node:
        fresh = copied(node)
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
