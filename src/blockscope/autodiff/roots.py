"""Roots, whose slope at zero is zero here.

It is infinite. Behind a ReLU that is off it would be multiplied by zero, and everything below would
be NaN in reverse mode. PyTorch has the same convention for lengths (``ReduceL2`` of ONNX).
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph.operations import apply


def apply_with_roots(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Compute an operation; roots, and powers between 0 and 1, so that zeros have no gradient."""
    if node.op not in {"Sqrt", "Pow"} or not inputs[0].dtype.is_floating:
        return apply(node, inputs)
    base, *exponents = inputs
    at_zero = tf.equal(base, 0)
    for exponent in exponents:
        at_zero &= (exponent > 0) & (exponent < 1)
    elsewhere = tf.where(at_zero, tf.ones_like(base), base)
    (found,) = apply(node, [elsewhere, *exponents])
    return [tf.where(at_zero, tf.zeros_like(found), found)]
