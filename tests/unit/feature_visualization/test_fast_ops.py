"""Fast operations: TensorFlow's own values and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import weights
from tensorflow.core.framework import node_def_pb2

from blockscope.feature_visualization import fast_ops
from blockscope.feature_visualization.fast_ops import convolve, fast_op
from blockscope.models.graph.operations import apply

# kernel (row, col), stride, padding, size of the image (row, col)
GEOMETRIES = [
    ((3, 3), 1, "SAME", (9, 6)),
    ((1, 1), 1, "SAME", (5, 7)),
    ((5, 3), 1, "SAME", (4, 11)),
    ((2, 4), 1, "SAME", (6, 7)),
    ((3, 2), 1, "VALID", (9, 5)),
    ((7, 7), 2, "SAME", (20, 23)),
    ((7, 7), 2, "SAME", (21, 22)),
    ((7, 5), 2, "VALID", (20, 21)),
    ((3, 3), 2, "SAME", (13, 8)),
    ((1, 1), 2, "SAME", (9, 8)),
    ((4, 3), 3, "VALID", (20, 16)),
    ((5, 5), 4, "SAME", (18, 9)),
]


def both(function, x, upstream):
    """Return a function's values and the gradient of their product with ``upstream``."""

    @tf.function(autograph=False)
    def traced(given):
        found = function(given)
        return found, tf.gradients(found, given, upstream)[0]

    return [one.numpy() for one in traced(tf.constant(x))]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_convolution_and_its_gradient_are_tensorflows(geometry, rng):
    kernel, stride, padding, size = geometry
    x = rng.normal(size=(2, *size, 3)).astype(np.float32)
    w = weights((*kernel, 3, 5), 4).astype(np.float32)
    shape = tf.nn.conv2d(x, w, stride, padding).shape
    upstream = tf.constant(rng.normal(size=shape), tf.float32)
    expected = both(lambda given: tf.nn.conv2d(given, w, stride, padding), x, upstream)
    found = both(lambda given: convolve(given, w, stride, padding), x, upstream)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


def convolution(**attributes):
    node = node_def_pb2.NodeDef(name="conv", op="Conv2D", input=["x", "w"])
    ones = [1, 1, 1, 1]
    for key, numbers in {"strides": ones, "dilations": ones, **attributes}.items():
        node.attr[key].list.i[:] = numbers
    node.attr["padding"].s = b"EXPLICIT" if "explicit_paddings" in attributes else b"SAME"
    return node


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [1, 2, 2, 1]},
        {"strides": [1, 2, 1, 1]},
        {"dilations": [1, 2, 2, 1]},
        {"explicit_paddings": [0, 0, 1, 2, 0, 1, 0, 0]},
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_any_convolution_of_a_graph_keeps_its_values(attributes, groups, rng):
    node, x = convolution(**attributes), rng.normal(size=(2, 9, 8, 4)).astype(np.float32)
    w = tf.constant(weights((3, 3, 4 // groups, 6), 4), tf.float32)
    expected = apply(node, [tf.constant(x), w])[0]
    found = tf.function(lambda given: fast_op(node, [given, w])[0])(x)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("operation", [fast_op, apply])
def test_nothing_is_joined_with_a_padded_depthwise_convolution(operation, rng):
    """TensorFlow loses its padding where it joins operations of a traced function."""
    node = convolution(strides=[1, 2, 2, 1], explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0])
    node.op = "DepthwiseConv2dNative"
    x = rng.normal(size=(2, 9, 8, 5)).astype(np.float32)
    w = weights((3, 3, 5, 2), 4).astype(np.float32)
    traced = tf.function(lambda given: operation(node, [given, tf.constant(w)])[0])
    graph = traced.get_concrete_function(tf.TensorSpec(x.shape)).graph
    padded = [each for each in graph.get_operations() if each.type == "DepthwiseConv2dNative"]
    readers = [reader.type for each in padded for reader in each.outputs[0].consumers()]
    assert readers == ["EnsureShape"]
    expected = tf.nn.depthwise_conv2d(
        np.pad(x, [(0, 0), (1, 2), (0, 1), (0, 0)]), w, [1, 2, 2, 1], "VALID"
    )
    np.testing.assert_allclose(traced(x), expected, atol=1e-5)


def test_weights_that_are_computed_are_left_alone(rng):
    x = rng.normal(size=(1, 5, 4, 2)).astype(np.float32)
    w = tf.constant(weights((3, 3, 2, 3), 4), tf.float32)
    found = tf.function(lambda given: fast_op(convolution(), [x, given])[0])(w)
    np.testing.assert_allclose(found, tf.nn.conv2d(x, w, 1, "SAME"), atol=1e-5)


def test_a_bias_has_no_gradient_and_its_input_tensorflows(rng):
    node = node_def_pb2.NodeDef(name="bias", op="BiasAdd", input=["x", "b"])
    x, b = rng.normal(size=(2, 4, 3, 5)).astype(np.float32), tf.constant([1.0, -2, 3, 0, 5])
    upstream = tf.constant(rng.normal(size=x.shape), tf.float32)
    found = both(lambda given: fast_op(node, [given, b])[0], x, upstream)
    np.testing.assert_array_equal(found[0], x + b.numpy())
    np.testing.assert_array_equal(found[1], upstream)


@pytest.mark.parametrize(
    "attributes",
    [
        {"depth_radius": 2, "bias": 2.0, "alpha": 0.3, "beta": 0.5},
        {"depth_radius": 1, "bias": 1.5, "alpha": 0.4, "beta": 0.75},
        {},
    ],
)
def test_normalisation_and_its_gradient_are_tensorflows(attributes, rng):
    """Without attributes: TensorFlow's defaults."""
    node = node_def_pb2.NodeDef(name="lrn", op="LRN", input=["x"])
    for key, value in attributes.items():
        setattr(node.attr[key], "i" if key == "depth_radius" else "f", value)
    x = rng.normal(size=(2, 4, 3, 7)).astype(np.float32)
    upstream = tf.constant(rng.normal(size=x.shape), tf.float32)
    expected = both(lambda given: tf.nn.lrn(given, **attributes), x, upstream)
    found = both(lambda given: fast_op(node, [given])[0], x, upstream)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


def test_plain_convolutions_are_those_with_another_gradient(monkeypatch, rng):
    """So that what is fast is also what is used."""
    seen = []
    monkeypatch.setattr(fast_ops, "convolve", lambda x, *rest: seen.append(rest[1:]) or x)
    x, w = (tf.constant(rng.normal(size=s), tf.float32) for s in ((1, 9, 8, 4), (3, 3, 4, 6)))
    for node in (convolution(), convolution(strides=[1, 2, 2, 1])):
        fast_op(node, [x, w])
    fast_op(convolution(dilations=[1, 2, 2, 1]), [x, w])
    fast_op(convolution(), [x, w[:, :, :2]])  # two groups
    assert seen == [(1, "SAME"), (2, "SAME")]
