"""Attribution between the positions of two layers: against the formula, in both modes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, linear_of

from blockscope.attribution.positions import attribute_positions
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES


def two_layers(x):
    """A later layer with some vectors that are all zero: a strong negative bias at the left."""
    y = conv(x, 4, (3, 2), 2, relu=False, seed=3)
    columns = tf.range(y.shape[2], dtype=y.dtype)[None, None, :, None]
    return tf.nn.relu(y + 2 * columns - 3)


def by_formula(build, x):
    """Restate the definition with a backward pass per position, in double precision."""
    value = tf.constant(x[None])
    rows, cols = build(value).shape[1:3]
    found = np.zeros((rows, cols, *x.shape[:2]))
    for row in range(rows):
        for col in range(cols):
            with tf.GradientTape() as tape:
                tape.watch(value)
                vector = build(value)[0, row, col]
                length = tf.sqrt(tf.reduce_sum(vector**2))
            if length > 0:
                gradient = tape.gradient(length, value)[0].numpy()
                found[row, col] = (x * gradient).sum(-1)
    return found


@pytest.mark.parametrize("mode", Mode)
def test_equals_the_formula_and_is_zero_where_the_vector_is(mode, rng):
    x = rng.normal(0.3, 1, (5, 7, 3))
    linear = linear_of(two_layers, x)
    found = attribute_positions(linear, mode=mode)
    dead = ~linear.output.numpy()[0].any(-1)
    assert 0 < dead.sum() < dead.size
    assert found.shape == (3, 4, 5, 7)
    assert not found[dead].any()
    np.testing.assert_allclose(found, by_formula(two_layers, x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("override", OVERRIDES)
def test_both_modes_agree_through_pooling(override, rng):
    x = rng.normal(0.3, 1, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, x, override, "early", "mixed")
    forward, reverse = (attribute_positions(linear, mode=mode) for mode in Mode)
    np.testing.assert_allclose(forward, reverse, atol=1e-5 * np.abs(reverse).max())


def test_a_network_without_biases_is_explained_completely(rng):
    """|A2| is homogeneous in A1 there: its attributions sum to it."""

    def build(x):
        kernel = rng_weights
        return tf.nn.relu(tf.nn.conv2d(tf.nn.max_pool2d(x, 2, 2, "SAME"), kernel, 1, "SAME"))

    rng_weights = rng.normal(size=(3, 3, 3, 5))
    linear = linear_of(build, rng.normal(size=(5, 7, 3)))
    found = attribute_positions(linear)
    lengths = np.linalg.norm(linear.output.numpy()[0], axis=-1)
    np.testing.assert_allclose(found.sum((2, 3)), lengths, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", Mode)
def test_memory_changes_nothing(mode, rng, monkeypatch):
    linear = linear_of(two_layers, rng.normal(0.3, 1, (5, 7, 3)))
    ample = attribute_positions(linear, mode=mode)
    monkeypatch.setattr(linear, "bytes_per_tangent", lambda: 10**8)
    np.testing.assert_allclose(attribute_positions(linear, 1000, mode), ample, atol=1e-12)
