"""Gradients that a network defines by itself, and that a graph of operations does not hold.

TensorFlow notes ``tf.custom_gradient`` as the name of a function of the running program. Most
define what the operations give anyway, only cheaper (Keras' swish); straight-through estimators,
quantised weights and gradient reversal do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.rewrites.calls import inline_calls

CUSTOM = "_gradient_op_type"
SAME = 0.05  # of the gradient's length; a unit at its kink changes less, another gradient more


def custom_gradients(definition: graph_pb2.GraphDef) -> list[str]:
    """Return the nodes that have a gradient of their own, in functions too."""
    return [node.name for node in _nodes(definition) if CUSTOM in node.attr]


def with_plain_gradients(
    definition: graph_pb2.GraphDef, inputs: Sequence[str], output: str, function: Any
) -> graph_pb2.GraphDef:
    """Return a graph whose gradients are those of its operations, if that changes none.

    Where TensorFlow cannot tell, the graph is returned as it is, with gradients of its own.

    Parameters
    ----------
    definition
        The graph, frozen.
    inputs
        Its placeholders, in the order in which the function takes them.
    output
        The tensor that the function returns first.
    function
        Computes the same with the network's own gradients.

    Returns
    -------
    plain
        The graph without gradients of its own.

    Raises
    ------
    BadFile
        The gradient of the inputs is another one.
    """
    names = custom_gradients(definition)
    if not names:
        return definition
    plain = graph_pb2.GraphDef()
    plain.CopyFrom(definition)
    for node in _nodes(plain):
        if CUSTOM in node.attr:
            del node.attr[CUSTOM]
    inline = inline_calls(plain)  # a function that is imported has no gradient
    random = np.random.default_rng(0)
    specs = function.structured_input_signature[0]
    given = [_noise(spec, random) for spec in specs]
    own = _gradient(lambda *values: function(*values)[0], given)

    def imported(*values: tf.Tensor) -> tf.Tensor:
        fed = dict(zip((f"{name}:0" for name in inputs), values, strict=True))
        return tf.import_graph_def(inline, fed, [output], name="")[0]

    try:
        found = _gradient(tf.function(imported, autograph=False), given)
    except tf.errors.OpError:  # on a processor, grouped convolutions have no gradient
        return definition
    if np.linalg.norm(own - found) > SAME * np.linalg.norm(own):
        raise BadFile(
            f"the gradient that the network defines for {counted(len(names), 'operation')} "
            f"('{names[0]}' is the first), as straight-through estimators, quantised layers and "
            "gradient reversal do, is not that of what they compute; valid: networks without "
            "tf.custom_gradient, or those where it changes no gradient"
        )
    return plain


def _nodes(definition: graph_pb2.GraphDef) -> Iterator[NodeDef]:
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _noise(spec: tf.TensorSpec, random: np.random.Generator) -> tf.Tensor:
    sizes = [size or 1 for size in spec.shape]
    if spec.dtype.is_floating:
        return tf.constant(random.uniform(0, 1, sizes), spec.dtype)
    return tf.zeros(sizes, spec.dtype)


def _gradient(function: Any, given: Sequence[tf.Tensor]) -> Any:
    """Return the gradient of a random mix of the first output by the inputs, as one vector."""
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = function(*given)
        weights = np.random.default_rng(1).normal(size=output.shape)
        score = tf.reduce_sum(output * tf.constant(weights, output.dtype))
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(score, given, unconnected_gradients=zero)
    return np.concatenate([np.ravel(one.numpy()).astype(np.float64) for one in found])
