"""The work of a network: by hand, and as TensorFlow's own profiler counts it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, network_of, weights

from blockscope.runtime.measure import forward_flop

COUNTED = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}


def f32(shape, seed):
    return weights(shape, seed).astype(np.float32)


def uneven(x):
    """Windows over the border, strides, a convolution of each channel, products both ways round."""
    x = conv(x, 4, (5, 3), 2, "VALID", name="first")
    x = tf.nn.depthwise_conv2d(x, f32((3, 2, 4, 2), 3), [1, 2, 2, 1], "SAME", name="each")
    x = conv(x, 6, (1, 3), 1, seed=4, name="wide")
    x = tf.reshape(x, [-1, 5 * 6])
    x = tf.matmul(x, f32((30, 7), 5), name="product")
    return tf.matmul(x, f32((2, 7), 6), transpose_b=True, name="turned")


def by_the_profiler(network, layer: str, size: int) -> int:
    """Count a graph whose image has a known shape, and only what the layer needs."""
    v1 = tf.compat.v1
    needed = v1.graph_util.extract_sub_graph(network.definition, [layer])
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, [1, size, size, 3])
        tf.import_graph_def(needed, {"input": image}, name="")
    options = v1.profiler.ProfileOptionBuilder(
        v1.profiler.ProfileOptionBuilder.float_operation()
    ).with_empty_output()
    left, total = [v1.profiler.profile(graph, cmd="op", options=options.build())], 0
    while left:
        kind = left.pop()
        left += kind.children
        total += kind.float_ops if kind.name in COUNTED else 0
    return total


def test_a_count_by_hand():
    """19 pixels: 10 x 10 places after the stride, 5 x 5 after the pooling."""
    network = network_of(inception_like, (41, 33, 3), tf.float32)
    early = 2 * 10 * 10 * (5 * 3 * 3) * 6
    assert forward_flop(network, ["early"], 19) == early
    branches = 6 * 4 + 6 * 3 + (3 * 3 * 3) * 5 + 6 * 2
    assert forward_flop(network, ["mixed"], 19) == early + 2 * 5 * 5 * branches


@pytest.mark.parametrize("layer", ["first", "each", "wide", "product", "turned"])
def test_a_count_by_tensorflow(layer):
    network = network_of(uneven, (23, 23, 3), tf.float32)
    assert forward_flop(network, [layer], 23) == by_the_profiler(network, layer, 23) > 0


def test_a_convolution_that_is_turned_round_works_as_much_as_the_one_it_reverses():
    def enlarging(x):
        x = conv(x, 4, (3, 3), 2, name="small")
        kernel = f32((3, 2, 5, 4), 2)  # row, col, out, in
        return tf.nn.conv2d_transpose(x, kernel, [1, 20, 20, 5], 2, "SAME", name="large")

    network = network_of(enlarging, (20, 20, 3), tf.float32)
    small = forward_flop(network, ["small"], 20)
    assert forward_flop(network, ["large"], 20) - small == 2 * (10 * 10 * 4) * (3 * 2 * 5)
