"""Products with a Jacobian by the units that count, against those on whole maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import OPERATIONS, assert_close, point
from helpers.tiny_network import conv, inception_like, linear_of, weights

from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.grad_x_activation import attribute_channels
from blockscope.autodiff.active import batches
from blockscope.autodiff.active.batches import push_channels, push_positions
from blockscope.autodiff.active.channels import ChannelProducts
from blockscope.autodiff.active.jacobian import FEWEST_ENTRIES, ActiveJacobian
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES


def residual(x):
    """Two blocks whose inputs are added to their outputs, the second at half of the size."""
    x = conv(x, 6, (3, 3), 2, seed=1, name="early")
    y = conv(conv(x, 4, seed=2), 6, seed=3, relu=False)
    x = tf.nn.relu(x + y, name="mixed")
    y = conv(conv(x, 5, (1, 3), (2, 2), seed=4), 8, (5, 3), seed=5, relu=False)
    x = tf.nn.relu(y - conv(x, 8, (1, 1), 2, seed=6, relu=False))
    x = tf.nn.avg_pool2d(x, 3, 2, "SAME", name="late")
    return tf.reduce_mean(x, [1, 2]) @ weights((8, 9), 7).astype(x.dtype.as_numpy_dtype)


NETWORKS = {"inception": inception_like, "residual": residual}


@pytest.fixture
def always(monkeypatch):
    """Take this way whatever it costs."""
    monkeypatch.setattr(batches, "_worth_it", lambda *place: ActiveJacobian(*place[:2]))
    monkeypatch.setattr(batches, "SHARE", 0.05)  # from the first operations on


def by_units(linear, entries, rng):
    """Push random multiples of the layer's activations either way."""
    active = ActiveJacobian(linear, linear.ops)
    scales = rng.normal(size=(entries, *linear.value.shape[1:])).astype(linear.value.numpy().dtype)
    tangents = tf.constant(scales) * linear.value
    pushed = active.push({linear.layer: active.taken(linear.layer, tangents)})
    return pushed.numpy(), linear.jvp(tangents).numpy(), active


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_gives_what_whole_maps_give(name, rng):
    """With a rule of its own, or left to the linear map."""
    found, expected, _ = by_units(linear_of(OPERATIONS[name], point(name=name)), 3, rng)
    assert_close(found, expected)


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("layer", ["early", "mixed", "late"])
@pytest.mark.parametrize("network", NETWORKS)
def test_networks_give_what_whole_maps_give(network, layer, override, rng):
    linear = linear_of(NETWORKS[network], point((41, 33, 2), "everything"), override, layer)
    found, expected, active = by_units(linear, 17, rng)
    assert_close(found, expected)
    if layer == "mixed" and override != "smooth-blur":  # neither this nor LRN has a rule
        assert active.multiplications > 0


def test_kernels_of_two_sizes_on_a_map_of_one_cell(rng):
    """Both read that cell alone, the larger one with one of its cells."""

    def build(x):
        x = tf.reduce_mean(tf.nn.relu(x), [1, 2], keepdims=True)
        one = conv(x, 4, (1, 1), seed=2)
        return tf.concat([one, conv(x, 5, (2, 2), seed=3), conv(x, 2, (1, 3), seed=4)], 3)

    found, expected, _ = by_units(linear_of(build, point((5, 7, 3))), 3, rng)
    assert_close(found, expected)


@pytest.mark.usefixtures("always")
def test_what_moves_may_come_after_a_number():
    """The first operand of a product has no rows and columns."""
    linear = linear_of(lambda x: 0.5 * tf.nn.relu(x), point((5, 7, 3)))
    positions = np.argwhere(np.ones((5, 7), bool)).astype(np.int32)
    found = np.concatenate(list(push_positions(linear, positions, 2048)))
    assert_close(found, linear.jvp_positions(positions).numpy())


def test_only_units_that_are_on_and_have_an_effect_count(rng):
    """Those of the layer that are zero, and those that a ReLU or a pooling stops, are left out."""
    x = point((5, 7, 3))
    x[2, 3] = 0

    def build(value):
        y = tf.nn.max_pool2d(value, 3, 1, "VALID")
        return tf.nn.relu(y - 0.5)

    linear = linear_of(build, x)
    active = ActiveJacobian(linear, linear.ops)
    counted = np.zeros(x.size, bool)
    counted[active.units("input")] = True
    slopes = [linear.vjp(u[None]).numpy()[0] != 0 for u in tf.eye(45, dtype=tf.float64)
              for u in [tf.reshape(u, [3, 5, 3])]]  # fmt: skip
    np.testing.assert_array_equal(counted.reshape(x.shape), np.any(slopes, 0) & (x != 0))
    assert 0 < counted.sum() < x.size / 2


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("layer", ["early", "mixed", "late"])
def test_positions_and_channels_alone(network, layer):
    linear = linear_of(NETWORKS[network], point((41, 33, 2), "everything"), layer=layer)
    rows, cols, channels = linear.value.shape[1:]
    positions = np.argwhere(np.ones((rows, cols), bool)).astype(np.int32)
    found = np.concatenate(list(push_positions(linear, positions, 2048)))
    assert_close(found, linear.jvp_positions(positions).numpy())
    single = tf.eye(channels)[:, None, None, :] * linear.value
    pushed = np.concatenate(list(push_channels(linear, np.arange(channels), 2048)))
    maps = linear.jvp(single).numpy()
    assert_close(pushed, maps.sum(tuple(range(1, maps.ndim - 1))))
    some = np.concatenate(list(push_channels(linear, np.array([channels - 1, 0]), 2048)))
    assert_close(some, pushed[[channels - 1, 0]])


@pytest.mark.usefixtures("always")
def test_batches_change_no_bit(monkeypatch):
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), layer="mixed")
    positions = np.argwhere(np.ones(linear.value.shape[1:3], bool)).astype(np.int32)
    together = np.concatenate(list(push_positions(linear, positions, 2048)))
    for most in (1, FEWEST_ENTRIES - 1, 20):
        monkeypatch.setattr(batches, "MOST_AT_ONCE", most)
        parts = list(push_positions(linear, positions, 2048))
        assert len(parts) == -(-len(positions) // most)
        np.testing.assert_array_equal(np.concatenate(parts), together)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("network", NETWORKS)
def test_attribution_is_that_of_reverse_mode(network):
    linear = linear_of(NETWORKS[network], point((41, 33, 2), "everything"), layer="mixed")
    forward = attribute_labels(linear, range(9), mode=Mode.FORWARD)
    assert_close(forward, attribute_labels(linear, range(9), mode=Mode.REVERSE))
    gradients = [tf.reduce_sum(linear.vjp(u[None]) * linear.value, [0, 1, 2]) for u in tf.eye(9)]
    assert_close(attribute_channels(linear), np.stack(gradients))


def test_it_is_taken_where_it_is_faster(monkeypatch):
    """Not for little work; not where the units that count save too little."""
    taken = []
    real = ChannelProducts.push
    monkeypatch.setattr(ChannelProducts, "push", lambda *args: taken.append(1) or real(*args))
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), layer="mixed")

    def pushed():
        taken.clear()
        list(push_channels(linear, np.arange(11), 2048))
        return bool(taken)

    assert not pushed()
    monkeypatch.setattr(batches, "DENSE", 1.0)
    assert pushed()
    monkeypatch.setattr(batches, "POSITION", 1e9)
    assert not pushed()
