"""Tiny frozen graphs for tests, with seeded weights and asymmetric shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.models.card import InputSpec
from blockscope.models.network import Network


def network_of(build: Callable, shape: tuple[int, ...], dtype=tf.float64) -> Network:
    """Freeze ``y = build(x)`` with x named "input" (1, *shape) and the result named "output"."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(dtype, [None, *shape], name="input")
        tf.identity(build(x), name="output")
    spec = InputSpec(tensor="input", size=shape[:2], range=(0, 1))
    return Network(graph.as_graph_def(), spec, "output")


def linear_of(
    build: Callable, x: np.ndarray, override="none", layer="input", target="output"
) -> LinearMap:
    """Linearise ``build`` at x (row, col, channel), from tensor ``layer`` to ``target``."""
    network = network_of(build, x.shape, tf.as_dtype(x.dtype))
    return LinearMap(network, x[None], layer, target, OVERRIDES[override])


def weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return seeded weights of unit fan-out, float64."""
    scale = 1 / np.sqrt(np.prod(shape[:-1]))
    return np.random.default_rng(seed).normal(0, scale, shape)


def conv(x, channels: int, size=(3, 3), stride=1, padding="SAME", seed=1, relu=True, name=None):
    """Convolve with seeded weights and biases."""
    kernel = weights((*size, x.shape[-1], channels), seed).astype(x.dtype.as_numpy_dtype)
    bias = weights((channels,), seed + 1000).astype(x.dtype.as_numpy_dtype)
    y = tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, padding), bias)
    return tf.nn.relu(y, name=name) if relu else y


def inception_like(x):
    """Branches, strides, poolings and a head: everything that windows must survive."""
    x = conv(x, 6, (5, 3), 2, seed=1, name="early")
    x = tf.nn.lrn(x, 2, 2.0, 0.1, 0.5)
    x = tf.nn.max_pool2d(x, 3, 2, "SAME", name="pooled")
    branches = [
        conv(x, 4, (1, 1), seed=2),
        conv(conv(x, 3, (1, 1), seed=3), 5, (3, 3), seed=4),
        conv(tf.nn.max_pool2d(x, 3, 1, "SAME"), 2, (1, 1), seed=5),
    ]
    x = tf.concat(branches, 3, name="mixed")
    x = tf.nn.max_pool2d(x, 3, 2, "VALID")
    x = conv(x, 7, (3, 3), 1, seed=6, name="late")
    x = tf.nn.avg_pool2d(x, 2, 1, "SAME")
    return tf.reduce_mean(x, [1, 2]) @ weights((7, 9), 7).astype(x.dtype.as_numpy_dtype)


def sequence(rule: str = "max", bias: float = 1.0) -> list[tuple]:
    """A network as the oracle reads it: convolutions, poolings, a head of five logits."""
    return [
        ("conv", weights((3, 3, 3, 4), 1), bias * weights((4,), 2), 1),
        ("relu",),
        ("pool", 3, 2, rule),
        ("conv", weights((3, 2, 4, 6), 3), bias * weights((6,), 4), 2),
        ("relu",),
        ("pool", 2, 1, rule),
        ("head", weights((6, 5), 5)),
    ]


def in_tensorflow(network: list[tuple]):
    """Return the function that computes such a network, for ``network_of`` and ``linear_of``."""

    def build(x):
        for layer in network:
            if layer[0] == "conv":
                x = tf.nn.conv2d(x, layer[1], layer[3], "SAME") + layer[2]
            elif layer[0] == "relu":
                x = tf.nn.relu(x)
            elif layer[0] == "pool":
                x = tf.nn.max_pool2d(x, layer[1], layer[2], "SAME")
            else:
                x = tf.reduce_mean(x, [1, 2]) @ layer[1]
        return x

    return build
