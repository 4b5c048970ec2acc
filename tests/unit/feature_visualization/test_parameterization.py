"""Parameterizations: starts, colours, spectra, and whether any image can be reached."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockscope.feature_visualization.parameterization import (
    COLOURS,
    FourierParameterization,
    PixelParameterization,
    parameterization_of,
    to_colours,
)
from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe
from blockscope.io.errors import UnknownName

SIZE = 9  # odd: the half of the spectrum has no column of its own for the highest frequency


def fitted(parameterization, goal, steps=400, rate=0.3):
    """Bring a parameterization near an image (row, col, channel), by the gradient's size alone."""
    numbers = tf.constant(parameterization.start(np.random.default_rng(1))[None])

    @tf.function
    def moved(numbers, second, rate):
        loss = tf.reduce_sum((parameterization.images(numbers)[0] - goal) ** 2)
        (gradient,) = tf.gradients(loss, numbers)
        second = 0.9 * second + 0.1 * gradient**2
        return numbers - rate * gradient / (tf.sqrt(second) + 1e-6), second

    second = tf.ones_like(numbers)
    for step in range(steps):
        smaller = tf.constant(rate * (1 - step / steps), tf.float32)
        numbers, second = moved(numbers, second, smaller)
    return parameterization.images(numbers)[0].numpy()


@pytest.mark.parametrize("kind", ["fourier", "pixel"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("size", [8, SIZE])
def test_any_image_can_be_reached(kind, alpha, size, rng):
    parameterization = parameterization_of(Recipe(size=size, parameterization=kind, alpha=alpha))
    goal = rng.uniform(0.2, 0.8, (size, size, 4 if alpha else 3)).astype(np.float32)
    found = fitted(parameterization, goal)
    assert found.shape == goal.shape
    np.testing.assert_allclose(found, goal, atol=0.02)


def test_fourier_images_are_the_inverse_transform_restated():
    parameterization = FourierParameterization(SIZE, 3, decay_power=1.5, init_std=1.0)
    numbers = parameterization.start(np.random.default_rng(3))
    frequency = np.empty((SIZE, SIZE // 2 + 1))
    for row in range(SIZE):
        for col in range(SIZE // 2 + 1):
            cycles = row if row <= SIZE // 2 else row - SIZE
            frequency[row, col] = max(np.sqrt(cycles**2 + col**2), 1) / SIZE
    spectrum = (numbers[0] + 1j * numbers[1]) * SIZE / frequency**1.5
    values = np.fft.irfft2(spectrum, (SIZE, SIZE)) / 4
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / 0.461952
    expected = 1 / (1 + np.exp(-np.einsum("crk,dc->rkd", values, matrix)))
    found = parameterization.images(tf.constant(numbers[None]))[0].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_colours_vary_together_as_in_photographs():
    longest = max(np.sqrt((COLOURS[:, n] ** 2).sum()) for n in range(3))
    assert longest == pytest.approx(0.461952, abs=1e-6)
    for n in range(3):
        given = np.zeros((1, 3), np.float32)
        given[0, n] = 1
        found = to_colours(tf.constant(given)).numpy()[0]
        np.testing.assert_allclose(np.log(found / (1 - found)), COLOURS[:, n] / longest, atol=1e-5)


def test_opacity_is_no_colour():
    values = tf.constant([[0.3, -2.0, 1.0, 2.0]])
    found = to_colours(values).numpy()[0]
    np.testing.assert_allclose(found[:3], to_colours(values[:, :3]).numpy()[0], atol=1e-7)
    assert found[3] == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)


def test_a_start_is_that_of_its_name():
    def start(*name):
        return PixelParameterization(5, 3, 0.01).start(rng_for(*name))

    first = start(7, "mixed4d", 12, "start")
    np.testing.assert_array_equal(first, start(7, "mixed4d", 12, "start"))
    others = [(8, "mixed4d", 12, "start"), (7, "mixed4", 12, "start"), (7, "mixed4d", 1, "start"),
              (7, "mixed4d", 12, "judge")]  # fmt: skip
    for other in others:
        assert abs(np.corrcoef(first.ravel(), start(*other).ravel())[0, 1]) < 0.5
    assert first.std() == pytest.approx(0.01, rel=0.3)


def test_an_unknown_parameterization_is_named():
    with pytest.raises(UnknownName, match="of a recipe 'wavelet'; valid: fourier, pixel"):
        parameterization_of(Recipe(parameterization="wavelet"))
