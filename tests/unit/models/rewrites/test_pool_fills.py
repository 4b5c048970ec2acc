"""Padding before max pooling: known as such by its number, where no pooling takes it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from blockscope.models.card import InputSpec
from blockscope.models.network import Network
from blockscope.models.rewrites.constants import fold_constants
from blockscope.models.rewrites.max_pools import with_plain_pools
from blockscope.models.rewrites.pool_fills import LOWEST, with_lowest_fills
from blockscope.models.rewrites.precision import as_float32, lowest_fills

SHAPE = (5, 7, 3)
AROUND = [[0, 0], [2, 1], [0, 2], [0, 0]]


def graph_of(build) -> graph_pb2.GraphDef:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, *SHAPE], "input")
        tf.identity(build(x), name="output")
    return graph.as_graph_def()


def brought(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Take the steps of the normal form."""
    lowest = lowest_fills(definition)
    folded = with_plain_pools(fold_constants(as_float32(definition), "input"))
    return with_lowest_fills(folded, lowest)


def run(definition, x):
    network = Network(definition, InputSpec(tensor="input", size=SHAPE[:2], range=(0, 1)), "output")
    return network.run({"input": x}, ["output"])["output"].numpy()


def fills(definition) -> list[float]:
    nodes = {node.name: node for node in definition.node}
    held = [nodes[node.input[2]] for node in definition.node if node.op == "PadV2"]
    return [float(tf.make_ndarray(node.attr["value"].tensor)) for node in held]


def padded(x, fill, edges=AROUND):
    return tf.pad(x, edges, constant_values=fill)


def pooled(x, size=3, padding="VALID"):
    return tf.nn.max_pool2d(x, size, 2, padding)


def twice(x, one, other):
    return tf.reduce_sum(one(x), [1, 2]) + tf.reduce_sum(other(x), [1, 2])


def of_half(build):
    return lambda x: tf.cast(build(tf.cast(x, tf.float16)), tf.float32)


def first_channels(x, fill):
    turned = tf.identity(tf.transpose(padded(x, fill), [0, 3, 1, 2]))
    return tf.nn.max_pool2d(tf.transpose(turned, [0, 2, 3, 1]), 3, 2, "VALID")


NEVER_TAKEN = {
    "after a ReLU": lambda x: pooled(padded(tf.nn.relu(x), -1e4)),
    "far below a ReLU": lambda x: pooled(padded(tf.nn.relu(x), -1e30)),
    "after a tanh": lambda x: pooled(padded(tf.tanh(x), -2.0)),
    "after a sum": lambda x: pooled(padded(tf.nn.relu(x) + tf.nn.sigmoid(x), -5.0)),
    "after branches": lambda x: pooled(padded(tf.concat([tf.nn.relu(x), tf.nn.elu(x)], 3), -5.0)),
    "after clipping": lambda x: pooled(padded(tf.maximum(tf.clip_by_value(x, -9, 1), -2), -5.0)),
    "read by two": lambda x: twice(padded(tf.nn.relu(x), -7.0), pooled, lambda p: pooled(p, 4)),
    "turned between": lambda x: first_channels(tf.nn.relu(x), -1e4),
    "SAME": lambda x: pooled(padded(tf.nn.relu(x), -1e4), 5, "SAME"),
    "padded again": lambda x: tf.nn.max_pool2d(
        padded(tf.nn.relu(x), -1e4, [[0, 0], [1, 0], [1, 0], [0, 0]]), 3, 2,
        [[0, 0], [1, 2], [1, 1], [0, 0]],
    ),
    "lowest of float16": of_half(lambda x: pooled(padded(x, x.dtype.min))),
    "lowest of bfloat16": lambda x: tf.cast(
        pooled(padded(tf.cast(x, tf.bfloat16), float(tf.bfloat16.min))), tf.float32
    ),
    "lowest of float64": lambda x: tf.cast(
        pooled(padded(tf.cast(x, tf.float64), tf.float64.min)), tf.float32
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER_TAKEN)
def test_padding_that_is_never_taken_is_the_lowest_number(name, rng):
    x = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    definition = graph_of(NEVER_TAKEN[name])
    found = brought(definition)
    assert set(fills(found)) == {float(LOWEST)}
    wanted = run(fold_constants(as_float32(definition), "input"), x)
    np.testing.assert_array_equal(run(found, x), wanted)


MAY_BE_TAKEN = {
    "no bound": (lambda x: pooled(padded(x, -1e4)), -1e4),
    "above the bound": (lambda x: pooled(padded(tf.tanh(x), -1.0)), -1.0),
    "in a sum": (lambda x: pooled(padded(tf.nn.relu(x) + tf.tanh(x), -5.0)), -5.0),
    "windows of padding": (
        lambda x: pooled(padded(tf.nn.relu(x), -7.0, [[0, 0], [3, 0], [0, 0], [0, 0]])), -7.0
    ),
    "windows of padding at the end": (
        lambda x: pooled(padded(tf.nn.relu(x), -7.0, [[0, 0], [0, 0], [0, 3], [0, 0]])), -7.0
    ),
    "windows of padding by SAME": (
        lambda x: pooled(padded(tf.nn.relu(x), -7.0, [[0, 0], [2, 0], [0, 0], [0, 0]]), 3, "SAME"),
        -7.0,
    ),
    "channels": (
        lambda x: pooled(padded(tf.nn.relu(x), -7.0, [[0, 0], [0, 0], [0, 0], [1, 0]])), -7.0
    ),
    "read by others": (
        lambda x: twice(padded(tf.nn.relu(x), -7.0), pooled, tf.nn.relu), -7.0
    ),
    "not pooled": (lambda x: padded(tf.nn.relu(x), -7.0), -7.0),
    "averaged in float16": (
        of_half(lambda x: tf.nn.avg_pool2d(padded(x, x.dtype.min), 3, 2, "VALID")), -65504.0
    ),
    "infinite": (lambda x: pooled(padded(x, -np.inf)), -np.inf),
}  # fmt: skip


@pytest.mark.parametrize("name", MAY_BE_TAKEN)
def test_padding_that_may_count_stays(name, rng):
    build, fill = MAY_BE_TAKEN[name]
    x = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    definition = graph_of(build)
    found = brought(definition)
    assert fills(found) == [fill]
    wanted = run(fold_constants(as_float32(definition), "input"), x)
    np.testing.assert_array_equal(run(found, x), wanted)


def test_a_graph_without_such_padding_stays_bit_for_bit():
    definition = graph_of(lambda x: pooled(padded(tf.nn.relu(x), 0.0)))
    assert with_lowest_fills(definition) is definition
