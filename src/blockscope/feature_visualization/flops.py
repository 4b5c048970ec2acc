"""The work of a network: floating point operations of its convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.autodiff.gradients import apply_batched
from blockscope.feature_visualization.network_view import fitting
from blockscope.models.network import Network
from blockscope.models.node_attributes import attribute

MATRIX_PRODUCTS = frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"})
PASSES = 2  # of a step: forward, and back to the picture; weights have no gradient


def forward_flop(network: Network, layers: Sequence[str], size: int) -> int:
    """Return the work of one pass up to ``layers`` for one square picture of ``size`` pixels.

    Convolutions and matrix products, a multiplication and an addition for each weight at each
    place, also where a weight lies over the border. What else is computed (biases, normalisation,
    pooling) is not counted; a pass back to the picture is as much again. ``size`` has to be one
    that a ``View`` of the layers accepts. Cost: one pass.
    """
    total = [0]

    def counting(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        outputs = apply_batched(node, inputs)
        total[0] += 2 * _multiplications(node, inputs, outputs)
        return outputs

    grey = np.full((1, size, size, 3), np.mean(network.spec.range), np.float32)
    network.run({network.spec.tensor: grey}, layers, operation=fitting(counting))
    return total[0]


def _multiplications(
    node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]
) -> int:
    """Return how often an operation multiplies: its outputs times what each is a sum of."""
    if node.op == "Conv2D":  # kernel (row, col, in of one group, out)
        return _entries(outputs[0].shape) * _entries(inputs[1].shape[:3])
    if node.op == "DepthwiseConv2dNative":
        return _entries(outputs[0].shape) * _entries(inputs[1].shape[:2])
    if node.op == "Conv2DBackpropInput":  # kernel (row, col, out, in): as the pass it reverses
        return _entries(inputs[2].shape) * _entries(inputs[1].shape[:3])
    if node.op in MATRIX_PRODUCTS:
        turned = any(attribute(node, key) for key in ("transpose_a", "adj_x"))
        return _entries(outputs[0].shape) * int(inputs[0].shape[-2 if turned else -1])
    return 0


def _entries(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64))
