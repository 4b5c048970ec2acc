"""Attribution between the positions of two layers: against the formula, in both modes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, linear_of

from blockscope.attribution import positions
from blockscope.attribution.positions import attribute_positions
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.cell_products import products
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.meeting import cheapest_meeting, meeting_places


def two_layers(x):
    """A later layer with some vectors that are all zero: a strong negative bias at the left."""
    y = conv(x, 4, (3, 2), 2, relu=False, seed=3)
    columns = tf.range(y.shape[2], dtype=y.dtype)[None, None, :, None]
    return tf.nn.relu(y + 2 * columns - 3)


def residual(x):
    """Blocks with a way around them; the second changes the size."""
    x = conv(x, 4, (3, 2), seed=1, name="first")
    for number, stride in enumerate((1, 2, 1)):
        around = x if stride == 1 else conv(x, 4, (1, 1), stride, relu=False, seed=10 + number)
        y = conv(x, 4, (3, 3), stride, seed=20 + number)
        y = conv(y, 4, (2, 3), relu=False, seed=30 + number)
        x = tf.nn.relu(around + y, name=f"block{number}")
    return x


def without_bottleneck(x):
    """Two ways that meet at the target only."""
    return conv(conv(x, 4, seed=1), 3, seed=2) - conv(conv(x, 2, (5, 1), seed=3), 3, seed=4)


def gated(x):
    """A way over the whole map, whose windows nothing pulls back, then blocks."""
    x = conv(x, 4, (3, 2), 2, seed=3)
    x = x * tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True))
    return residual(x)


NETWORKS = {
    "two layers": (two_layers, (5, 7, 3)),
    "residual": (residual, (9, 13, 2)),
    "without bottleneck": (without_bottleneck, (5, 7, 3)),
    "gated": (gated, (11, 8, 2)),
}


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


@pytest.mark.parametrize("name", NETWORKS)
def test_is_the_same_wherever_positions_meet(name, rng, monkeypatch):
    """At each place, and at the one that is chosen, as in both modes and by the formula."""
    build, shape = NETWORKS[name]
    x = rng.normal(0.3, 1, shape)
    linear = linear_of(build, x)
    wanted = by_formula(build, x)
    found = [attribute_positions(linear, mode=mode) for mode in (*Mode, None)]
    for place in meeting_places(linear):
        monkeypatch.setattr(positions, "cheapest_meeting", lambda _, place=place: place)
        found.append(attribute_positions(linear))
    for one in found:
        assert one.shape == wanted.shape
        np.testing.assert_allclose(one, wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())


def test_where_positions_of_these_networks_can_meet(rng):
    places = {}
    for name, (build, shape) in NETWORKS.items():
        linear = linear_of(build, rng.normal(size=shape))
        places[name] = meeting_places(linear).keys()
        assert cheapest_meeting(linear) in {*places[name], None}
    assert places["without bottleneck"] <= {"input", "sub", "output"}
    assert {"input", "first", "block0", "block1", "block2"} <= places["residual"]
    assert {"first", "block0", "block1", "block2"} <= places["gated"]
    assert "input" not in places["gated"]


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("layer", "target"), [("input", "mixed"), ("early", "late")])
def test_meeting_anywhere_agrees_with_both_modes(layer, target, override, rng, monkeypatch):
    x = rng.normal(0.3, 1, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, x, override, layer, target)
    forward = attribute_positions(linear, mode=Mode.FORWARD)
    places = meeting_places(linear)
    assert len(places) > 3
    for place in places:
        monkeypatch.setattr(positions, "cheapest_meeting", lambda _, place=place: place)
        found = attribute_positions(linear)
        np.testing.assert_allclose(found, forward, rtol=0, atol=1e-5 * np.abs(forward).max())


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


def test_memory_changes_nothing_where_positions_meet(rng, monkeypatch):
    """With little, one position at a time is pulled back, and those of layer 1 pushed again."""
    linear = linear_of(two_layers, rng.normal(0.3, 1, (5, 7, 3)))
    place = linear.ops[0][0]
    assert place in meeting_places(linear)
    monkeypatch.setattr(positions, "cheapest_meeting", lambda _: place)
    ample = attribute_positions(linear)
    sizes = []

    def watched(window, maps, size):
        sizes.append((len(window.frame.top), maps.shape[1]))
        return products(window, maps, size)

    monkeypatch.setattr(positions, "products", watched)
    np.testing.assert_allclose(attribute_positions(linear, 1), ample, rtol=0, atol=1e-12)
    assert sizes == [(1, 1)] * 35 * 12

    def fives(items, *_, **__):
        return [items[start : start + 5] for start in range(0, len(items), 5)]

    monkeypatch.setattr(positions, "in_batches", fives)
    np.testing.assert_allclose(attribute_positions(linear), ample, rtol=0, atol=1e-12)
