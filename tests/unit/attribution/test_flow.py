"""Flow between neuron groups: against the definition by TensorFlow's gradients, and its sums."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, network_of, weights
from oracles import neuron_flow

from blockscope.attribution.flow import (
    Parts,
    check_passage,
    flow_between,
    flow_to_labels,
    named_flow,
    parts_of,
    passes_beside,
)
from blockscope.attribution.neuron_groups import NeuronGroups, group_neurons
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels

LAYERS = ["early", "pooled", "late"]


def three_layers(x):
    """5 x 7 x 3 and smaller, with negative activations at one layer; five logits."""
    x = conv(x, 6, (3, 3), 1, seed=1, name="early")
    x = tf.nn.max_pool2d(x, 2, 2, "SAME", name="pooled")
    x = tf.identity(conv(x, 5, (2, 3), 1, seed=3, relu=False), name="late")
    return tf.reduce_mean(tf.nn.relu(x), [1, 2]) @ weights((5, 5), 7)


def linear_network(x):
    """Two matrices over channels, no constants: flow follows by hand."""
    x = tf.identity(tf.nn.conv2d(x, weights((1, 1, 3, 4), 1), 1, "SAME"), name="middle")
    return tf.reduce_sum(x, [1, 2]) @ weights((4, 2), 2)


def with_skip(x):
    x = conv(x, 4, seed=1, name="stem")
    inner = conv(x, 4, seed=2, name="inner")
    x = tf.add(x, inner, name="sum")
    x = conv(x, 4, seed=3, name="after")
    return tf.reduce_mean(x, [1, 2]) @ weights((4, 3), 7).astype(x.dtype.as_numpy_dtype)


def maps_of(network, x, layers, override="none"):
    """Return the linear maps from each layer to the next, and from each to the logits."""
    rules = OVERRIDES[override]
    steps = [LinearMap(network, x[None], a, b, rules) for a, b in pairwise(layers)]
    return steps, [LinearMap(network, x[None], a, network.logits, rules) for a in layers]


def flows(network, x, layers, n=2, override="none", **options):
    steps, onward = maps_of(network, x, layers, override)
    groups = [group_neurons(one.value.numpy()[0], n) for one in onward]
    parts = [parts_of(m.value.numpy()[0], g) for m, g in zip(onward, groups, strict=True)]
    labels = range(onward[0].output.shape[1])
    between = [
        flow_between(step, onward[i + 1], parts[i], parts[i + 1], labels, **options)
        for i, step in enumerate(steps)
    ]
    return between, flow_to_labels(onward[-1], parts[-1], labels), parts, groups, onward


@pytest.fixture(scope="module")
def case():
    x = np.random.default_rng(5).uniform(0, 1, (5, 7, 3))
    return network_of(three_layers, x.shape), x


def test_flow_equals_the_definition_by_gradients_of_the_imported_graph(case):
    network, x = case
    between, last, parts, groups, _ = flows(network, x, LAYERS)
    expected, ending = neuron_flow.flow(
        network.definition, x[None], LAYERS, [(g.spatial, g.channels) for g in groups]
    )
    for found, wanted in zip(between, expected, strict=True):
        assert found.shape == (4, 3, 5)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max())
    np.testing.assert_allclose(last, ending, rtol=1e-6, atol=1e-7)
    assert min(one.unexplained for one in parts) > 0.01  # there is something to go astray


@pytest.mark.parametrize("override", ["none", "smooth", "smooth-blur"])
def test_what_leaves_a_layer_is_its_gradient_times_activation(case, override):
    network, x = case
    between, last, parts, _, onward = flows(network, x, LAYERS, override=override)
    for place, part in enumerate(parts):
        gradient = onward[place].vjp(tf.eye(5, dtype=tf.float64)).numpy()
        expected = np.einsum("prck,lrck->pl", part.vectors, gradient)
        found = between[place][:-1].sum(1) if place < len(between) else last[:-1]
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
        total = np.einsum("rck,lrck->l", part.value, gradient)
        np.testing.assert_allclose(found.sum(0), total, atol=1e-5 * np.abs(total).max())


def test_what_enters_a_group_is_what_leaves_it(case):
    """With what constants add; the labels get all of their logits."""
    network, x = case
    between, last, _, _, onward = flows(network, x, LAYERS)
    leaving = [*(one[:-1].sum(1) for one in between[1:]), last[:-1]]
    for entering, expected in zip((one.sum(0) for one in between), leaving, strict=True):
        np.testing.assert_allclose(entering, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(last.sum(0), onward[0].output.numpy()[0], rtol=1e-6)
    assert np.abs(between[0][-1]).max() < 1e-7  # max pooling adds no constants
    assert np.abs(between[1][-1]).max() > 0.01  # the convolution's biases


def test_flow_through_a_linear_network_by_hand():
    x = np.random.default_rng(6).uniform(0, 1, (5, 7, 3))
    network = network_of(linear_network, x.shape)
    between, last, parts, _, onward = flows(network, x, ["input", "middle"], n=2)
    first, second = weights((1, 1, 3, 4), 1)[0, 0], weights((4, 2), 2)
    middle = x @ first
    np.testing.assert_allclose(onward[1].value.numpy()[0], middle, rtol=1e-12)
    reached = parts[0].vectors @ first
    for p in range(3):
        for q in range(3):
            expected = (reached[p] * parts[1].shares[q]).sum((0, 1)) @ second
            np.testing.assert_allclose(between[0][p, q], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(between[0][-1], 0, atol=1e-6)
    np.testing.assert_allclose(last.sum(0), middle.sum((0, 1)) @ second, rtol=1e-6)


def test_groups_in_another_order_have_the_same_flow_in_that_order(case):
    network, x = case
    steps, onward = maps_of(network, x, LAYERS[:2])
    groups = [group_neurons(one.value.numpy()[0], 3) for one in onward]
    orders = [np.array([2, 0, 1]), np.array([1, 2, 0])]
    turned = [
        NeuronGroups(g.spatial[..., order], g.channels[order], g.relative_error, g.clipped)
        for g, order in zip(groups, orders, strict=True)
    ]

    def flow(found):
        first, second = (
            parts_of(m.value.numpy()[0], g) for m, g in zip(onward, found, strict=True)
        )
        return flow_between(steps[0], onward[1], first, second, range(5))

    rows, cols = np.append(orders[0], [3, 4]), np.append(orders[1], 3)
    np.testing.assert_allclose(flow(turned), flow(groups)[rows][:, cols], rtol=1e-5, atol=1e-7)


def test_parts_add_up_and_no_share_leaves_0_to_1(rng):
    value = rng.normal(0.3, 1, (5, 7, 4))
    value[0, 0] = 0
    value[1, 1] = 1e-12  # where a group holds far more
    groups = group_neurons(value, 3)
    found = parts_of(value, groups)
    assert found.shares.min() >= 0
    assert found.shares.max() <= 1
    np.testing.assert_allclose(found.shares.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(found.vectors.sum(0), value, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(found.shares[-1][value <= 0], 1)
    kept = (value > 0) & (groups.vectors(np.arange(3)).sum(0) <= value)
    assert kept.any()
    unchanged = groups.vectors(np.arange(3))[:, kept]
    np.testing.assert_allclose(found.vectors[:3][:, kept], unchanged, rtol=1e-12)
    left = np.linalg.norm(found.vectors[-1]) / np.linalg.norm(value)
    assert found.unexplained == pytest.approx(left, rel=1e-12)


def test_memory_bounds_the_batches_and_changes_nothing(case, monkeypatch):
    network, x = case
    ample = flows(network, x, LAYERS)[0]
    monkeypatch.setattr(LinearMap, "bytes_per_tangent", lambda _: 10**8)
    scarce = flows(network, x, LAYERS, memory_mb=900)[0]
    for one, other in zip(ample, scarce, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("build", "earlier", "later", "beside"),
    [
        (with_skip, "stem", "inner", True),
        (with_skip, "stem", "sum", False),
        (with_skip, "inner", "sum", False),
        (with_skip, "stem", "after", False),
        (with_skip, "input", "stem", False),
        (inception_like, "pooled", "mixed", False),
        (inception_like, "early", "late", False),
    ],
)
def test_a_way_beside_a_layer_is_found(build, earlier, later, beside):
    network = network_of(build, (41, 33, 3), tf.float32)
    assert passes_beside(network, earlier, later) is beside


def test_a_way_beside_a_layer_is_why_flow_would_not_add_up(rng):
    """The refusal is needed: through the branch alone passes less than the whole."""
    x = rng.uniform(0, 1, (5, 7, 3))
    network = network_of(with_skip, x.shape)
    for later, whole in (("inner", False), ("sum", True)):
        between, _, parts, _, onward = flows(network, x, ["stem", later], n=2)
        gradient = onward[0].vjp(tf.eye(3, dtype=tf.float64)).numpy()
        expected = np.einsum("prck,lrck->pl", parts[0].vectors, gradient)
        apart = np.abs(between[0][:-1].sum(1) - expected).max()
        assert bool(apart < 1e-5) is whole
    words = (
        "layer 'stem' of model 'm' reaches the logits beside layer 'inner' too .* give layers that "
        r"everything before them passes through, .* \(table of runs: flow\)"
    )
    with pytest.raises(BadFile, match=words):
        check_passage(network, "m", ["stem", "inner", "sum"])
    check_passage(network, "m", ["stem", "sum", "after"])


def test_axes_are_named(rng):
    between = [rng.normal(size=(4, 3, 2)).astype("f4") for _ in range(2)]
    contribution = rng.normal(size=(4, 2)).astype("f4")
    parts = [Parts(np.full((3, 5, 7, 2), 1 / 3), np.ones((5, 7, 2)))] * 3
    labels = Labels(("ant", "bee"))
    logits = np.array([1, 2], "f4")
    found = named_flow(["a", "b", "c"], between, contribution, parts, logits, labels)
    assert dict(found.sizes) == {"step": 2, "source": 4, "target": 3, "label": 2, "layer": 3}
    assert found["source"].to_numpy().tolist() == ["1", "2", "unexplained", "constants"]
    assert found["target"].to_numpy().tolist() == ["1", "2", "unexplained"]
    np.testing.assert_array_equal(found["flow"][1], between[1])
    np.testing.assert_array_equal(found["contribution"].sel(label="bee"), contribution[:, 1])
    np.testing.assert_allclose(found["unexplained"], 1 / 3, rtol=1e-6)
