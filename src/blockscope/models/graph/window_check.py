"""Windows that are larger than what they slide over."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph.node_attributes import attribute
from blockscope.models.graph.operations import Operation

SLIDING = ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool")


def with_window_check(operation: Operation) -> Operation:
    """Return the operation with a ``ValueError`` where its window is larger than what it reads.

    TensorFlow's own kernels for the processor do not always notice, and crash.
    """

    def checked(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        if node.op in SLIDING and inputs[0].shape.rank == 4:
            first = attribute(node, "data_format").index("H")
            size = tuple(inputs[0].shape[first : first + 2])
            pooled = attribute(node, "ksize")
            window = tuple(pooled[first : first + 2] if pooled else inputs[1].shape[:2])
            inside = attribute(node, "padding") == "VALID"
            if 0 in size or (inside and any(w > s for w, s in zip(window, size, strict=True))):
                found = "no positions" if 0 in size else f"a map of {size[0]} x {size[1]} positions"
                raise ValueError(f"it slides a window of {window[0]} x {window[1]} over {found}")
        return operation(node, inputs)

    return checked
