"""Objectives against their formulas in NumPy, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockscope.feature_visualization import objectives
from blockscope.io.errors import BadFile

IMAGES, ROWS, COLS, CHANNELS = 3, 4, 5, 6


@pytest.fixture
def layer(rng):
    return rng.normal(0.2, 1, (IMAGES, ROWS, COLS, CHANNELS)).astype(np.float32)


@pytest.fixture
def vectors(rng):
    return rng.normal(0.1, 1, (IMAGES, CHANNELS)).astype(np.float32)


def scores(objective, layer, images=range(IMAGES)):
    return objective.scores({"mixed": tf.constant(layer)}, objective.targets(list(images))).numpy()


def direction_at(vectors, positions, power=0.0):
    places = np.array(positions, np.int32)
    return objectives.Objective((objectives.Term("mixed", vectors, places, power),))


def cosines(layer, vectors):
    dot = np.einsum("irca,ia->irc", layer, vectors)
    lengths = np.linalg.norm(layer, axis=-1) + 1e-4, np.linalg.norm(vectors, axis=-1) + 1e-4
    return dot, dot / (lengths[0] * lengths[1][:, None, None])


def test_channel_is_the_mean_of_its_own_channel(layer):
    found = scores(objectives.channel("mixed", [4, 0, 2], CHANNELS), layer)
    expected = [layer[n, :, :, c].mean() for n, c in enumerate([4, 0, 2])]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_neuron_is_at_the_lower_right_of_the_middle_or_where_asked(layer):
    found = scores(objectives.neuron("mixed", [4, 0, 2], CHANNELS), layer)
    np.testing.assert_allclose(found, layer[[0, 1, 2], 2, 2, [4, 0, 2]], rtol=1e-6)
    places = [(0, 4), (3, 1), (2, 0)]
    found = scores(objectives.neuron("mixed", [4, 0, 2], CHANNELS, places), layer)
    rows, cols = zip(*places, strict=True)
    np.testing.assert_allclose(found, layer[[0, 1, 2], rows, cols, [4, 0, 2]], rtol=1e-6)


@pytest.mark.parametrize("power", [0.0, 0.5, 2.0, None])
def test_direction_and_its_cosine_variants(layer, vectors, power):
    dot, cosine = cosines(layer, vectors)
    values = cosine if power is None else dot * np.maximum(0.1, cosine) ** power
    found = scores(objectives.direction("mixed", vectors, power), layer)
    np.testing.assert_allclose(found, values.mean(axis=(1, 2)), rtol=2e-5, atol=1e-6)
    found = scores(direction_at(vectors, [(3, 4), (0, 1), (2, 2)], power), layer)
    expected = values[[0, 1, 2], [3, 0, 2], [4, 1, 2]]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_each_image_has_its_own_target(layer, vectors):
    every = objectives.direction("mixed", vectors)
    some = scores(every, layer[[2, 0]], [2, 0])
    np.testing.assert_allclose(some, scores(every, layer)[[2, 0]], rtol=1e-6)


def test_sums_and_weights(layer, vectors):
    one = objectives.channel("mixed", [1, 2, 3], CHANNELS)
    other = objectives.direction("mixed", vectors, None)
    found = scores(one + -2.5 * other, layer)
    np.testing.assert_allclose(found, scores(one, layer) - 2.5 * scores(other, layer), rtol=1e-5)


def test_a_layer_without_positions(layer, vectors):
    found = scores(objectives.direction("mixed", vectors), layer[:, 0, 0])
    np.testing.assert_allclose(found, np.sum(layer[:, 0, 0] * vectors, -1), rtol=1e-5)


def test_a_channel_out_of_range():
    with pytest.raises(BadFile, match=r"channel 6 of layer 'mixed' does not exist.*valid: 0 to 5"):
        objectives.channel("mixed", [0, 6], CHANNELS)


def test_targets_that_do_not_fit(vectors):
    (term,) = objectives.direction("mixed", vectors).terms
    with pytest.raises(BadFile, match="'mixed' has 6 entries; the layer has 7 channels"):
        term.check((ROWS, COLS, 7))
    (term,) = direction_at(vectors, [(0, 0), (4, 1), (0, 1)]).terms
    with pytest.raises(BadFile, match=r"position \[4, 1\] .* has 4 x 5 positions"):
        term.check((ROWS, COLS, CHANNELS))


def test_objectives_of_other_numbers_of_images(vectors):
    one = objectives.channel("mixed", [1, 2], CHANNELS)
    with pytest.raises(BadFile, match="objectives of 2 and 3 images cannot be added"):
        one + objectives.direction("mixed", vectors)
