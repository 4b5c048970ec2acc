"""A ReLU that lets an image begin to move where its units are dead.

A channel that responds to no part of the first, grey image has no gradient, and would stay grey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph.operations import Operation, apply

CEILING = {"Relu": None, "Relu6": 6.0}


def redirected(x: tf.Tensor, upstream: tf.Tensor, ceiling: float | None = None) -> tf.Tensor:
    """Return the gradient at a ReLU's input, (image, ...), of an objective to be maximised.

    For each image: the ordinary gradient if any of it is nonzero. Otherwise also what would raise
    an input below 0, or lower one above ``ceiling``.
    Source: lucid/misc/redirected_relu_grad.py, which has the signs of a loss to be minimised.
    """
    below = x < 0
    above = tf.zeros_like(below) if ceiling is None else x > ceiling
    zero = tf.zeros_like(upstream)
    ordinary = tf.where(below | above, zero, upstream)
    deeper = (below & (upstream < 0)) | (above & (upstream > 0))
    dead = tf.reduce_all(tf.equal(ordinary, 0), list(range(1, x.shape.rank)), keepdims=True)
    return tf.where(dead, tf.where(deeper, zero, upstream), ordinary)


def with_redirected_relu(operation: Operation) -> Operation:
    """Return an operation for ``Network.run`` that gives ReLUs the redirected gradient."""

    def changed(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        if node.op not in CEILING:
            return operation(node, inputs)

        @tf.custom_gradient
        def rectified(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            y = apply(node, [x])[0]
            return y, lambda upstream: redirected(x, upstream, CEILING[node.op])

        return [rectified(inputs[0])]

    return changed
