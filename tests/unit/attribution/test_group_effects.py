"""Neuron groups: their order and size, and their effect on the labels against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import in_tensorflow, inception_like, linear_of, weights
from oracles.neuron_effects import neuron_effects

from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.group_effects import attribute_groups, named_groups
from blockscope.attribution.neuron_groups import NeuronGroups, group_neurons
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels

NETWORK = [
    ("conv", weights((3, 3, 4, 6), 1), weights((6,), 2), 1),
    ("relu",),
    ("pool", 3, 2, "max"),
    ("conv", weights((3, 2, 6, 7), 3), weights((7,), 4), 2),
    ("relu",),
    ("head", weights((7, 5), 5)),
]


build = in_tensorflow(NETWORK)


def three_groups(rng, rows=5, cols=9, channels=8):
    """Activations of exact rank three: groups in columns 6-8, 0-2 and 3-5, by falling size."""
    spatial = np.zeros((rows, cols, 3))
    for factor, (start, size) in enumerate([(6, 90), (0, 40), (3, 10)]):
        spatial[:, start : start + 3, factor] = size * rng.uniform(0.8, 1, (rows, 3))
    vectors = rng.uniform(0, 1, (3, channels))
    vectors[np.arange(3), np.arange(3)] = 0  # so that only this factorisation is exact
    return spatial @ vectors, spatial


def centres(spatial):
    """Return the columns of the centres of mass, in loops."""
    rows, cols, factors = spatial.shape
    found = []
    for factor in range(factors):
        weight = [[spatial[r, c, factor] ** 2 for c in range(cols)] for r in range(rows)]
        moment = sum(weight[r][c] * c for r in range(rows) for c in range(cols))
        found.append(moment / np.sum(weight))
    return found


def test_groups_go_from_left_to_right(rng):
    activations, spatial = three_groups(rng)
    found = group_neurons(activations, 3)
    for factor, original in enumerate([1, 2, 0]):
        expected = spatial[..., original].ravel()
        assert np.corrcoef(found.spatial[..., factor].ravel(), expected)[0, 1] > 0.99
    assert found.relative_error < 1e-2


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_any_number_of_groups_in_their_order(n, rng):
    activations = rng.uniform(0, 50, (5, 9, 8)) * (rng.uniform(size=(5, 9, 8)) > 0.6)
    found = group_neurons(activations.astype(np.float32), n)
    assert found.spatial.shape == (5, 9, n)
    assert found.channels.shape == (n, 8)
    assert found.spatial.min() >= 0
    assert found.channels.min() >= 0
    assert np.all(np.diff(centres(found.spatial)) >= 0)


def test_a_mirrored_image_has_mirrored_groups_in_turn(rng):
    activations, _ = three_groups(rng)
    straight, mirrored = group_neurons(activations, 3), group_neurons(activations[:, ::-1], 3)
    expected = straight.spatial[:, ::-1, ::-1]
    np.testing.assert_allclose(mirrored.spatial, expected, atol=1e-2 * expected.max())


def test_channels_belong_to_their_positions(rng):
    activations, _ = three_groups(rng)
    found = group_neurons(activations, 3)
    product = np.einsum("rcf,fk->rck", found.spatial, found.channels)
    error = np.linalg.norm(activations - product) / np.linalg.norm(activations)
    assert found.relative_error == pytest.approx(error, rel=1e-9)
    every = found.vectors(np.arange(3))
    np.testing.assert_allclose(every.sum(0), product, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.vectors(np.array([2])), every[[2]])


def test_the_magnitude_is_the_length_of_the_outer_product(rng):
    found = group_neurons(rng.uniform(0, 50, (5, 9, 8)), 4)
    expected = [np.linalg.norm(vector) for vector in found.vectors(np.arange(4))]
    np.testing.assert_allclose(found.magnitude, expected, rtol=1e-12)


def test_stronger_activations_have_greater_magnitudes_only(rng):
    activations = rng.uniform(0, 50, (5, 9, 8))
    straight, scaled = group_neurons(activations, 3), group_neurons(4 * activations, 3)
    np.testing.assert_allclose(scaled.magnitude, 4 * straight.magnitude, rtol=1e-6)
    assert scaled.relative_error == pytest.approx(straight.relative_error, rel=1e-6)


def test_two_runs_are_equal_to_the_bit(rng):
    activations = rng.uniform(0, 50, (5, 9, 8))
    first, second = group_neurons(activations, 4), group_neurons(activations, 4)
    np.testing.assert_array_equal(first.spatial, second.spatial)
    np.testing.assert_array_equal(first.channels, second.channels)


def test_groups_of_no_size_come_last():
    """One neuron alone is active, so there is nothing for a second and a third group."""
    activations = np.zeros((5, 9, 8))
    activations[1, 7, 2] = 3
    found = group_neurons(activations, 3)
    np.testing.assert_allclose(found.magnitude, [3, 0, 0], atol=1e-12)
    first = found.spatial[..., 0]
    assert np.argwhere(first == first.max()).tolist() == [[1, 7]]


def test_groups_above_each_other_are_ordered_by_size():
    activations = np.zeros((5, 9, 8))
    activations[0, 4, 1], activations[3, 4, 5], activations[4, 4, 3] = 2, 7, 5
    np.testing.assert_allclose(group_neurons(activations, 3).magnitude, [7, 5, 2], rtol=1e-3)


def test_rounding_does_not_order_groups_of_one_centre(rng):
    for _ in range(10):
        profile = rng.uniform(1, 2, 9)
        activations = np.zeros((5, 9, 8))
        activations[0, :, 1], activations[3, :, 5] = 2 * profile, 7 * profile
        magnitude = group_neurons(activations, 2).magnitude
        assert magnitude[0] > magnitude[1]


def test_a_dead_layer_gives_zeros():
    found = group_neurons(np.zeros((5, 9, 8)), 3)
    for array in (found.spatial, found.channels, found.magnitude):
        np.testing.assert_array_equal(array, 0)
    assert (found.relative_error, found.clipped) == (0, 0)


def test_negative_activations_are_clipped_and_counted(rng):
    activations = rng.normal(1, 2, (5, 9, 8))
    found = group_neurons(activations, 8)
    positive = group_neurons(np.maximum(activations, 0), 8)
    np.testing.assert_array_equal(found.spatial, positive.spatial)
    left = activations[activations < 0]
    expected = np.sqrt((left**2).sum() / (activations**2).sum())
    assert found.clipped == pytest.approx(expected, rel=1e-12)
    assert found.relative_error >= found.clipped > positive.clipped == 0
    assert group_neurons(-np.ones((5, 9, 8)), 2).relative_error == 1


@pytest.mark.parametrize("n", [0, 9])
def test_too_many_groups_are_refused_with_the_limit(n):
    words = rf"cannot fit {n} neuron groups: 5 x 9 positions, 8 channels; valid: 1 to 8"
    with pytest.raises(BadFile, match=words):
        group_neurons(np.ones((5, 9, 8)), n)


@pytest.mark.parametrize(
    ("activations", "found"),
    [
        (np.ones((3, 4)), r"float64 of shape \(3, 4\)"),
        ([[[1.0]]], "list"),
        (np.full((2, 2, 2), "a"), r"<U1 of shape \(2, 2, 2\)"),
    ],
)
def test_what_is_no_layer_is_refused_in_a_sentence(activations, found):
    words = rf"^activations of a layer are {found}; valid: .* three axes, \(row, col, channel\)$"
    with pytest.raises(BadFile, match=words):
        group_neurons(activations, 1)


def test_a_layer_of_any_scale_has_its_groups(rng):
    layer = rng.random((5, 6, 7)).astype(np.float32)
    expected = group_neurons(layer, 3).relative_error
    for scale in (1e-12, 1e-30, 1e30):
        found = group_neurons(layer * np.float32(scale), 3)
        assert found.relative_error == pytest.approx(expected, rel=1e-3)
        assert (found.magnitude > 0).all()


def test_activations_that_are_not_finite_are_refused():
    activations = np.ones((5, 9, 8))
    activations[2, 3, :2] = np.nan, np.inf
    with pytest.raises(BadFile, match=r"not finite in 2 of 360 entries; check the model's weights"):
        group_neurons(activations, 2)


def test_effects_equal_the_definition_in_loops(rng):
    x = rng.uniform(0, 1, (7, 9, 4))
    groups = group_neurons(x, 3)
    found = attribute_groups(linear_of(build, x), groups, range(5))
    expected = neuron_effects(NETWORK, x, groups.spatial, groups.channels)
    assert found.shape == (3, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def signed_layer(rng):
    """Return the network from a layer that is negative in part, and groups of that layer."""
    x = rng.normal(0.3, 1, (7, 9, 4))
    return linear_of(build, x), group_neurons(x, 4)


def test_forward_mode_equals_reverse_mode(rng):
    x = rng.normal(0.3, 1, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, x, layer="mixed")
    groups = group_neurons(linear.value.numpy()[0], 4)
    found = attribute_groups(linear, groups, range(9))
    slopes = linear.vjp(tf.eye(9)).numpy()
    expected = np.einsum("frck,lrck->fl", groups.vectors(np.arange(4)), slopes)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_effects_and_what_is_left_add_up_to_the_attribution(rng):
    """What was clipped is among what is left."""
    linear, groups = signed_layer(rng)
    left = linear.value.numpy() - groups.vectors(np.arange(4)).sum(0)
    effect_of_left = linear.jvp(tf.constant(left)).numpy()[0]
    total = attribute_labels(linear, range(5)).sum((1, 2))
    found = attribute_groups(linear, groups, range(5)).sum(0)
    assert np.abs(effect_of_left).max() > 0.01 * np.abs(total).max()
    np.testing.assert_allclose(found + effect_of_left, total, rtol=1e-9, atol=1e-12)


def test_labels_may_be_chosen_in_any_order(rng):
    linear, groups = signed_layer(rng)
    every = attribute_groups(linear, groups, range(5))
    np.testing.assert_allclose(attribute_groups(linear, groups, [4, 2]), every[:, [4, 2]])


def test_memory_bounds_the_batches_and_changes_nothing(rng, monkeypatch):
    linear, groups = signed_layer(rng)
    ample = attribute_groups(linear, groups, range(5))
    sizes = []
    jvp = linear.jvp
    monkeypatch.setattr(linear, "bytes_per_tangent", lambda: 10**8)
    monkeypatch.setattr(linear, "jvp", lambda t: sizes.append(t.shape[0]) or jvp(t))
    scarce = attribute_groups(linear, groups, range(5), memory_mb=900)
    assert sizes == [3, 1]
    np.testing.assert_allclose(scarce, ample, rtol=1e-9, atol=1e-12)


def test_groups_of_a_dead_layer_have_no_effect():
    linear = linear_of(build, np.zeros((7, 9, 4)))
    effect = attribute_groups(linear, group_neurons(np.zeros((7, 9, 4)), 2), range(5))
    np.testing.assert_array_equal(effect, np.zeros((2, 5)))


def test_axes_are_named_and_labels_keep_their_places(rng):
    groups = NeuronGroups(rng.uniform(size=(5, 9, 3)), rng.uniform(size=(3, 8)), 0.5, 0.0)
    logits = rng.normal(size=5).astype(np.float32)
    effect = rng.normal(size=(3, 4)).astype(np.float32)
    labels = Labels(("none", "ant", "bee", "cow", "dog"), 1)
    dataset = named_groups(groups, effect, logits, labels)
    assert dict(dataset.sizes) == {"row": 5, "col": 9, "factor": 3, "channel": 8, "label": 4}
    assert dataset["label"].to_numpy().tolist() == ["ant", "bee", "cow", "dog"]
    assert dataset["index"].to_numpy().tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(dataset["logit"], logits[1:])
    odds = np.exp(logits.astype(float))
    np.testing.assert_allclose(dataset["probability"], (odds / odds.sum())[1:], rtol=1e-6)
    np.testing.assert_array_equal(dataset["effect"].sel(label="bee"), effect[:, 1])
    np.testing.assert_allclose(dataset["magnitude"], groups.magnitude, rtol=1e-6)
    assert {array.dtype for array in dataset.data_vars.values()} == {np.dtype("f4")}
