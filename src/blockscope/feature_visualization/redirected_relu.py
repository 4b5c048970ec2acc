"""A ReLU that lets an image begin to move where its units are dead.

A channel that responds to no part of the first, grey image has no gradient, and would stay grey.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import tensorflow as tf

from blockscope.feature_visualization.image_choice import of_images

RULES = {"Relu": "BlockscopeRedirectedRelu", "Relu6": "BlockscopeRedirectedRelu6"}


def redirected(x: tf.Tensor, upstream: tf.Tensor, ceiling: float | None = None) -> tf.Tensor:
    """Return the gradient at a ReLU's input, (image, ...), of an objective to be maximised.

    For each image: the ordinary gradient if any of it is nonzero. Otherwise also what would raise
    an input below 0, or lower one above ``ceiling``.
    Source: lucid/misc/redirected_relu_grad.py, which has the signs of a loss to be minimised.
    """
    # Few operations: a step has them for every ReLU. Where none of an image passes, all of its
    # upstream gradient that is not zero lies below 0 or above the ceiling.
    zero = tf.zeros([], x.dtype)
    blocked, useful = x < zero, tf.nn.relu(upstream)
    if ceiling is not None:
        above = x > ceiling
        blocked, useful = blocked | above, tf.where(above, tf.minimum(upstream, zero), useful)
    ordinary = tf.where(blocked, zero, upstream)
    dead = tf.reduce_all(tf.equal(ordinary, zero), list(range(1, x.shape.rank)))
    return of_images(dead, useful, ordinary)


@tf.RegisterGradient(RULES["Relu"])
def _of_relu(operation: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    return redirected(operation.inputs[0], upstream)


@tf.RegisterGradient(RULES["Relu6"])
def _of_relu6(operation: tf.Operation, upstream: tf.Tensor) -> tf.Tensor:
    return redirected(operation.inputs[0], upstream, 6.0)


def redirected_relus() -> AbstractContextManager[None]:
    """Return a context in which ReLUs get the redirected gradient.

    For a function that is traced and uses ``tf.gradients``.
    """
    # Not tf.custom_gradient, which adds operations around each ReLU and takes long to trace.
    return tf.compat.v1.get_default_graph().gradient_override_map(RULES)
