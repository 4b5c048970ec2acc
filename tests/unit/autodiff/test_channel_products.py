"""Sums over positions of products with a Jacobian, channel by channel, against whole maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import OPERATIONS, assert_close, point
from helpers.tiny_network import conv, inception_like, linear_of, weights

from blockscope.autodiff.active import batches
from blockscope.autodiff.active.batches import push_channels
from blockscope.autodiff.active.channels import ChannelProducts
from blockscope.autodiff.active.jacobian import FEWEST_ENTRIES, ActiveJacobian
from blockscope.autodiff.active.links import ConvolvedLinks
from blockscope.autodiff.active.owned import Owned, dense, gathered
from blockscope.autodiff.gradient_overrides import OVERRIDES


def products_of(linear) -> ChannelProducts:
    active = ActiveJacobian(linear, linear.ops)
    return ChannelProducts(active, linear.value.numpy(), linear.output.shape[-1])


def on_whole_maps(linear) -> np.ndarray:
    """Push each channel's activations alone, and add up what comes of it over positions."""
    channels = linear.value.shape[-1]
    single = tf.eye(channels, dtype=linear.value.dtype)[:, None, None, :] * linear.value
    maps = linear.jvp(single).numpy()
    return maps.reshape(channels, -1, maps.shape[-1]).sum(1)


def check(linear) -> ChannelProducts:
    products = products_of(linear)
    found = products.push(np.arange(linear.value.shape[-1])).numpy()
    assert_close(found, on_whole_maps(linear))
    return products


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_gives_what_whole_maps_give(name):
    """With a rule of its own, or left to the linear map."""
    check(linear_of(OPERATIONS[name], point(name=name)))


def ending_in_a_join(x):
    """Branches of kernels of several sizes, one of which another layer reads too; then sums."""
    x = conv(x, 6, (3, 3), 2, seed=1, name="early")
    a = conv(x, 4, (1, 1), seed=2)
    b = conv(conv(a, 3, (1, 1), seed=3), 5, (3, 3), seed=4)
    c = tf.nn.max_pool2d(a, 3, 1, "SAME")
    x = tf.nn.relu(tf.concat([a, b, conv(c, 3, (1, 1), seed=5), c], 3), name="mixed")
    d = conv(x, 7, (3, 5), seed=6)
    e = conv(tf.nn.max_pool2d(x, 3, 1, "SAME"), 7, (1, 1), seed=7, relu=False)
    return tf.concat([tf.nn.relu(d + e), tf.nn.avg_pool2d(x, 3, 1, "SAME"), d], 3)


def ending_in_a_sum(x):
    """A block whose input is added to its output, and one channel repeated."""
    x = conv(x, 6, (3, 3), 2, seed=1, name="early")
    x = conv(x, 5, (3, 3), seed=2, name="mixed")
    y = conv(conv(x, 4, seed=3), 5, seed=4, relu=False)
    x = tf.nn.relu(x + y)
    return tf.concat([x, x, conv(x, 2, (2, 2), seed=5)], 3)


def raw(x, outputs, kernel, seed):
    """A convolution alone, whose tensor is what others read."""
    kernel = weights((*kernel, x.shape[-1], outputs), seed).astype(x.dtype.as_numpy_dtype)
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def read_by_several(x):
    """Convolutions alone: twice in a join, in two joins, in a join and by a pooling."""
    x = conv(x, 4, (3, 3), 2, seed=1, name="early")
    x, y = raw(x, 3, (3, 3), 2), raw(x, 4, (3, 3), 3)
    x = tf.concat([x, x, y, tf.nn.max_pool2d(y, 3, 1, "SAME")], 3, name="mixed")
    a, b = raw(x, 3, (1, 3), 4), raw(x, 3, (3, 1), 5)
    first, second = tf.nn.relu(tf.concat([a, b], 3)), tf.concat([b, a, b], 3)
    x = tf.concat([first, second, raw(first, 2, (3, 3), 6)], 3)
    return conv(x, 5, (3, 3), seed=7)


ENDS = {"join": ending_in_a_join, "sum": ending_in_a_sum, "several": read_by_several}


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("layer", ["early", "mixed"])
@pytest.mark.parametrize("network", ENDS)
def test_networks_that_end_in_maps_give_what_whole_maps_give(network, layer, override, rng):
    linear = linear_of(ENDS[network], point((17, 23, 2), "everything"), override, layer)
    check(linear)
    scales = rng.normal(size=(3, *linear.value.shape[1:])).astype("f4")
    tangents = scales * linear.value
    active = ActiveJacobian(linear, linear.ops)
    pushed = active.push({linear.layer: active.taken(linear.layer, tangents)})
    assert_close(pushed.numpy(), linear.jvp(tangents).numpy())


def test_first_and_last_convolutions_are_spared(monkeypatch):
    """One channel alone is followed as a column, and a sum taken from a convolution's input."""
    made = []
    real = ConvolvedLinks._multiply
    monkeypatch.setattr(
        ConvolvedLinks, "_multiply", lambda *given: made.append(given[0]) or real(*given)
    )

    def build(x):
        x = tf.nn.max_pool2d(x, 3, 1, "SAME")
        x = conv(conv(x, 7, (3, 3), seed=1), 6, (1, 1), seed=2)
        return conv(x, 5, (3, 3), seed=3)

    linear = linear_of(build, point((15, 12, 3)))
    check(linear)
    assert len(set(made)) == 1  # of three


def test_a_sum_is_taken_from_the_outputs_where_that_is_less(monkeypatch):
    """Of a kernel of one cell it always is; a sum of its input has more numbers."""
    summed = []
    real = ConvolvedLinks.summed
    monkeypatch.setattr(
        ConvolvedLinks, "summed", lambda *given: summed.append(real(*given)) or summed[-1]
    )
    check(linear_of(lambda x: conv(x, 5, (1, 1), seed=1), point((15, 12, 3))))
    check(linear_of(lambda x: conv(x, 5, (3, 3), seed=1), point((15, 12, 3))))
    assert [one is None for one in summed] == [True, False]


def test_a_channel_of_several_sums_is_none():
    """Which no operation makes of channels."""
    linear = linear_of(lambda x: conv(x, 5, (3, 3), seed=1), point((15, 12, 3)))
    (links,) = [
        step.links
        for step in ActiveJacobian(linear, linear.ops).steps
        if isinstance(step.links, ConvolvedLinks)
    ]
    units = links.goals[0].channel
    given = Owned(np.ones(len(units)), units, 5)
    assert links.summed([given]) is not None
    assert links.summed([given._replace(owner=np.arange(len(units)) % 5)]) is None


@pytest.mark.parametrize("network", [inception_like, ending_in_a_join])
def test_batches_and_their_order_change_no_bit(network, monkeypatch):
    monkeypatch.setattr(batches, "_worth_it", lambda *place: ActiveJacobian(*place[:2]))
    linear = linear_of(network, point((41, 33, 2), "everything"), layer="mixed")
    channels = np.arange(linear.value.shape[-1])
    together = np.concatenate(list(push_channels(linear, channels, 2048)))
    turned = np.concatenate(list(push_channels(linear, channels[::-1], 2048)))
    np.testing.assert_array_equal(turned[::-1], together)
    for most in (1, 5, FEWEST_ENTRIES + 1):
        monkeypatch.setattr(batches, "MOST_AT_ONCE", most)
        parts = list(push_channels(linear, channels, 2048))
        assert len(parts) == -(-len(channels) // most)
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_units_of_one_owner_are_added_and_of_two_are_none():
    given = Owned(np.array([2.0, 3.0, 5.0, 7.0]), np.array([1, 0, 1, -1]), 2)
    np.testing.assert_array_equal(dense(given), [[0, 2], [3, 0], [0, 5], [0, 0]])
    found = gathered([(given, np.array([0, 2, 0, 1]))], 3)
    np.testing.assert_array_equal(dense(found), [[0, 7], [0, 0], [3, 0]])
    assert gathered([(given, np.array([0, 0, 1, 2]))], 3) is None
    twice = given.plus(given)
    np.testing.assert_array_equal(dense(twice), 2 * dense(given))
    assert given.plus(given._replace(owner=np.array([1, 0, 0, -1]))) is None


def test_some_entries_come_first_and_the_others_are_of_none():
    given = Owned(np.array([2.0, 3.0, 5.0]), np.array([1, 0, -1]), 2)
    np.testing.assert_array_equal(dense(given.of(np.array([1]), 3)), [[2, 0, 0], [0] * 3, [0] * 3])
