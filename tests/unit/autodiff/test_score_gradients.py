"""Gradients of scores in batches: the same compiled and as written, against TensorFlow's tape."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import inception_like, network_of

from blockscope.attribution.contrasts import LOGSUMEXP, NO_REFERENCE, Contrast
from blockscope.autodiff import score_gradients
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.score_gradients import COMPILED_AT_ONCE, ScoreGradients

SHAPE = (37, 29, 3)
CONTRASTS = (Contrast(4, 0), Contrast(2, 2), Contrast(1, LOGSUMEXP), Contrast(5, NO_REFERENCE))
ALWAYS, NEVER = 0, 1e30  # bytes for an operation from which on it is compiled


@pytest.fixture(scope="module")
def network():
    return network_of(inception_like, SHAPE, tf.float32)


def gradients_of(network, seed: int, override: str = "none") -> Gradients:
    image = np.random.default_rng(seed).normal(size=(1, *SHAPE)).astype("f4")
    return Gradients(network, image, "mixed", "output", OVERRIDES[override])


def by_tape(gradients, points, contrast):
    value = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(value)
        score = contrast.score(gradients.values_at(value))
    return score.numpy(), tape.gradient(score, value).numpy()


@pytest.mark.parametrize("bytes_per_operation", [ALWAYS, NEVER])
def test_scores_and_gradients_are_those_of_a_tape(network, monkeypatch, bytes_per_operation, rng):
    """Of every kind of contrast, for batches of any length, two images and an override in turn."""
    monkeypatch.setattr(score_gradients, "BYTES_PER_OPERATION", bytes_per_operation)
    for seed, override in ((1, "none"), (2, "smooth"), (3, "none")):
        gradients = gradients_of(network, seed, override)
        found = ScoreGradients(gradients, 22)
        assert found.compiled == (bytes_per_operation == ALWAYS)
        for count, contrast in zip((COMPILED_AT_ONCE, 1, 4, 7), CONTRASTS, strict=True):
            scale = rng.uniform(0.2, 2, (count, 1, 1, 1))
            points = (gradients.value * scale).astype("f4")
            scores, slopes = found(points, contrast.of_logits(9))
            expected = by_tape(gradients, points, contrast)
            np.testing.assert_allclose(scores, expected[0], atol=1e-6)
            np.testing.assert_allclose(slopes, expected[1], atol=1e-6 * np.abs(expected[1]).max())


def test_a_program_serves_all_images_and_scores_of_a_network(network, monkeypatch):
    monkeypatch.setattr(score_gradients, "BYTES_PER_OPERATION", ALWAYS)
    network.programs.clear()
    traced = []
    real = Gradients.values_at

    def values_at(self, points):
        if not tf.executing_eagerly():
            traced.append(points.shape[0])
        return real(self, points)

    monkeypatch.setattr(Gradients, "values_at", values_at)
    for seed in (1, 2):
        gradients = gradients_of(network, seed)
        for contrast in CONTRASTS:
            ScoreGradients(gradients, 22)(gradients.value[None], contrast.of_logits(9))
    assert traced == [None]
    gradients_of(network, 1, "smooth")
    assert len(network.programs) == 2


def test_what_cannot_be_traced_for_any_number_of_points_is_computed(network, monkeypatch):
    monkeypatch.setattr(score_gradients, "BYTES_PER_OPERATION", ALWAYS)
    network.programs.clear()
    real = Gradients.values_at

    def values_at(self, points):
        return real(self, points[: int(points.shape[0])])

    monkeypatch.setattr(Gradients, "values_at", values_at)
    gradients = gradients_of(network, 1)
    scores, slopes = ScoreGradients(gradients, 22)(gradients.value[None], CONTRASTS[0].of_logits(9))
    expected = by_tape(gradients, gradients.value[None], CONTRASTS[0])
    np.testing.assert_allclose(scores, expected[0], atol=1e-6)
    np.testing.assert_allclose(slopes, expected[1], atol=1e-6 * np.abs(expected[1]).max())
    network.programs.clear()


def test_batches_stay_below_the_memory(network, monkeypatch):
    gradients = gradients_of(network, 1)
    monkeypatch.setattr(gradients, "bytes_per_point", 10_000_000)
    for bytes_per_operation, most in ((ALWAYS, COMPILED_AT_ONCE), (NEVER, 128)):
        monkeypatch.setattr(score_gradients, "BYTES_PER_OPERATION", bytes_per_operation)
        assert ScoreGradients(gradients, 22, 100).batch == 3
        assert ScoreGradients(gradients, 22, 100_000).batch == most


def test_it_is_compiled_where_large_passes_are_asked_for(network, monkeypatch):
    gradients = gradients_of(network, 1)
    monkeypatch.setattr(gradients, "operations", 66)
    monkeypatch.setattr(gradients, "bytes_per_point", 6_000_000)
    assert not ScoreGradients(gradients, 11).compiled
    assert ScoreGradients(gradients, 44).compiled
