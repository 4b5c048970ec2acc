"""Exact changes: every position and channel taken away, against the network computed anew."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import OPERATIONS, SHAPE, assert_close, point
from helpers.tiny_network import conv, network_of, weights

from blockscope.autodiff.exact_changes import ExactChanges
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.one_channel import OneChannel
from blockscope.autodiff.windows import Frame, Window

LARGE = (14, 19, 3)


def grouped(x, stride=1):
    kernel = weights((3, 2, x.shape[-1] // 2, 6), 9)
    return tf.nn.conv2d(x, kernel, stride, "SAME") + weights((6,), 10)


def rounded_up(x):
    """Max pooling whose last kernels stick out of the map, as ONNX's ceil_mode is written."""
    padded = tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=float("-inf"))
    return tf.nn.max_pool2d(padded, (3, 2), 2, "VALID")


def batch_norm(x):
    scale, offset, mean, variance = (weights((3,), seed).astype("f4") for seed in range(4))
    return tf.compat.v1.nn.fused_batch_norm(x, scale, offset, mean, variance**2, is_training=False)[
        0
    ]


NETWORKS = {
    "strides": lambda x: conv(conv(x, 4, (3, 2), 2, seed=1), 5, (2, 3), (2, 1), seed=2),
    "even kernels": lambda x: conv(conv(x, 4, (2, 4), seed=1), 5, (4, 2), seed=2),
    "explicit padding": lambda x: tf.nn.relu(
        tf.nn.conv2d(x, weights((3, 2, 3, 4), 3), 2, [[0, 0], [2, 0], [0, 1], [0, 0]])
    ),
    "explicit padding of a single cell": lambda x: tf.nn.relu(
        tf.nn.conv2d(x, weights((1, 1, 3, 4), 3), 1, [[0, 0], [2, 0], [0, 1], [0, 0]])
    ),
    "dilation": lambda x: tf.nn.relu(
        tf.nn.conv2d(tf.nn.relu(x), weights((3, 2, 3, 4), 3), 1, "SAME", dilations=(2, 3))
    ),
    "groups": lambda x: grouped(tf.nn.relu(grouped(conv(x, 4, (1, 1))))),
    "groups of one channel": lambda x: tf.nn.conv2d(x, weights((3, 2, 1, 6), 3), 1, "SAME"),
    "depthwise": lambda x: tf.nn.relu(
        tf.nn.depthwise_conv2d(x, weights((3, 2, 3, 2), 3), [1, 2, 2, 1], "SAME")
    ),
    "max pools": lambda x: conv(
        tf.nn.max_pool2d(tf.nn.max_pool2d(x, 3, 1, "SAME"), (2, 3), 2, "VALID"), 4
    ),
    "max pool that rounds up": lambda x: conv(rounded_up(x), 4),
    "negative max pool": lambda x: tf.nn.max_pool2d(x - 9.0, 3, 2, "SAME"),
    "average pools": lambda x: tf.square(
        tf.nn.avg_pool2d(tf.square(tf.nn.avg_pool2d(x, 3, 1, "SAME")), (2, 3), 2, "SAME")
    ),
    "batch norm": lambda x: conv(tf.nn.relu(batch_norm(tf.cast(x, tf.float32))), 4),
    "padding": lambda x: conv(tf.pad(tf.sigmoid(x), [[0, 0], [2, 1], [0, 3], [0, 0]]), 4),
    "branches": lambda x: conv(
        tf.concat([conv(x, 2, (1, 1)), conv(x, 3, (3, 5)), tf.nn.max_pool2d(x, 3, 1, "SAME")], 3),
        4,
    ),
    "residual": lambda x: tf.nn.relu(x + conv(conv(x, 5), 3)) * conv(x, 3, (1, 1)),
    "residual beside whole maps": lambda x: x * tf.reduce_mean(conv(x, 3), [1, 2], keepdims=True),
    "a map of coefficients": lambda x: conv(tf.nn.relu(x * weights((14, 19, 1), 5) - 0.2), 4),
    "coefficients of columns": lambda x: conv(
        conv(x, 4) * weights((1, 1, x.shape[2], 1), 5) + weights((x.shape[1], 1, 4), 6), 4
    ),
    "a pole outside of the map, behind a convolution": lambda x: conv(
        conv(x, 4) / tf.abs(conv(x, 4, (1, 1), seed=3) + 1e-3), 4
    ),
    "steps": lambda x: conv(tf.floor(3 * x + 0.1234), 4) + tf.round(5 * x[..., :1] + 0.321),
    "a pole": lambda x: conv(tf.minimum(tf.math.rsqrt(tf.nn.relu(x)), 3.0), 3),
    "a pole outside of the map": lambda x: conv(tf.math.log(tf.maximum(x * x, 1e-3)), 3),
    "values of the image": lambda x: tf.nn.relu(conv(tf.nn.relu(x, "a"), 3) + tf.square(x)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def eagerly():
    """Compile nothing: each network is computed once."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def changes_of(build, x, layer="input"):
    network = network_of(build, x.shape, tf.as_dtype(x.dtype))
    network.spec = network.spec.model_copy(update={"one_by_one": x.shape[:2] == SHAPE[:2]})
    gradients = Gradients(network, x[None], layer, "output", OVERRIDES["none"])
    return gradients, ExactChanges(gradients)


def check(build, x, layer="input"):
    """Compare all positions and channels with the network computed anew."""
    gradients, changes = changes_of(build, x, layer)
    value = gradients.value
    assert_close(changes.output.numpy(), gradients.values_at(value[None]).numpy())

    def compare(part, taken):
        whole = gradients.values_at(value - taken).numpy()
        assert_close(changes.values_without(part).numpy(), whole)
        assert_close(changes.values_without(tf.constant(taken)).numpy(), whole)

    places = np.argwhere(np.ones(value.shape[:2], bool)).astype(np.int32)
    taken = np.zeros((len(places), *value.shape), value.dtype)
    for one, (row, col) in zip(taken, places, strict=True):
        one[row, col] = value[row, col] - 0.25
    vectors = (value.reshape(-1, 1, 1, value.shape[-1]) - 0.25).astype(value.dtype)
    compare(Window(Frame(places[:, 0], places[:, 1], 1, 1), tf.constant(vectors)), taken)

    channels = np.arange(value.shape[-1])[::-1]
    maps = np.stack([value[..., number] + 0.5 for number in channels]).astype(value.dtype)
    taken = np.zeros((len(channels), *value.shape), value.dtype)
    taken[np.arange(len(channels)), ..., channels] = maps
    compare(OneChannel(tf.constant(channels), tf.constant(maps[..., None])), taken)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "everything"])
def test_each_operation(name):
    check(OPERATIONS[name], point(name=name))


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_and_channels_through_a_network(name):
    check(NETWORKS[name], point(LARGE), "a" if name == "values of the image" else "input")


@pytest.mark.parametrize("layer", ["early", "pooled", "mixed", "late"])
@pytest.mark.parametrize("shape", [(41, 33, 2), (38, 46, 3)])
def test_windows_survive_strides_branches_and_borders(layer, shape):
    check(OPERATIONS["everything"], point(shape, "everything"), layer)


def rules(build, shape=LARGE):
    return [(edge, rule) for edge, _, rule in changes_of(build, point(shape))[1]._ops]


@pytest.mark.parametrize("name", ["strides", "max pool that rounds up", "branches", "residual"])
def test_what_changes_little_is_carried(name):
    """Otherwise all of this would hold of whole maps too, and take longer."""
    found = rules(NETWORKS[name])
    assert len(found) > 3
    assert all(rule is not None for _, rule in found)


def test_whole_maps_begin_where_they_cost_no_more(rng):
    """At 38 x 46, positions of "mixed" stay windows to the last pooling, channels to the pool."""
    x = point((38, 46, 3), "everything")
    gradients, changes = changes_of(OPERATIONS["everything"], x, "mixed")
    rows, cols, channels = gradients.value.shape
    middle = np.array([[rows // 2, cols // 2]], np.int32)
    window = Window(Frame(middle[:, 0], middle[:, 1], 1, 1), tf.ones((1, 1, 1, channels)))
    found = {key: tuple(value.shape) for key, value in changes._carried(window).items()}
    assert found == {"late": (1, 4, 5, 7)}
    channel = OneChannel(tf.constant([1]), tf.ones((1, rows, cols, 1)))
    found = {key: tuple(value.shape) for key, value in changes._carried(channel).items()}
    assert found == {"Conv2D_5": (1, 4, 5, 7)}


def test_steps_and_poles_are_computed_whole():
    assert [rule for edge, rule in rules(NETWORKS["steps"]) if "Floor" in edge] == [None]
    assert [rule for edge, rule in rules(NETWORKS["a pole"]) if "Rsqrt" in edge] == [None]
