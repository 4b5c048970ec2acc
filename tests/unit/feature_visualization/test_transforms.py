"""Transforms: unbiased, independent of the batch, and equal to their sequence restated."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockscope.feature_visualization import transforms as transforms_module
from blockscope.feature_visualization.backgrounds import (
    composite_on_grey,
    composite_over,
    draw_backgrounds,
)
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, Transforms
from blockscope.feature_visualization.transforms import GREY, draw, resample

SIZE = 21
CASES = {
    "lucid": LUCID_TRANSFORMS,
    "first jitter": Transforms(jitters=(7,)),
    "scale": Transforms(scales=(0.8, 1.0, 1.25)),
    "rotation": Transforms(angles=(-20.0, 0.0, 20.0)),
    "window": Transforms(margin=-8, jitters=(8, 3)),
}


def in_sequence(transforms, size, generator, point):
    """Take a point (col, row) of the view back through one transform after the other."""
    draws = [generator.integers(0, most + 1, (1, 2))[0] for most in transforms.jitters]
    scale, degrees = (
        generator.choice(transforms.scales, 1)[0],
        generator.choice(transforms.angles, 1)[0],
    )
    view, middle = size + transforms.margin, (size - 1) / 2
    point = np.array(point, float) - (view - 1) / 2  # from the middle of the view
    for shift, most in list(zip(draws, transforms.jitters, strict=True))[1:]:
        point = point + shift - most / 2
    turn = np.deg2rad(degrees)
    col = point[0] * np.cos(turn) - point[1] * np.sin(turn)
    row = point[0] * np.sin(turn) + point[1] * np.cos(turn)
    point = np.array([col, row]) / scale
    if draws:
        point = point + draws[0] - transforms.jitters[0] / 2
    return point + middle


@pytest.mark.parametrize("name", CASES)
def test_one_affine_is_the_sequence_restated(name):
    for seed in range(5):
        affine = draw(CASES[name], SIZE, 1, np.random.default_rng(seed))[0]
        for point in ((0, 0), (3, 11), (20, 5)):
            expected = in_sequence(CASES[name], SIZE, np.random.default_rng(seed), point)
            np.testing.assert_allclose(affine @ [*point, 1], expected, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_the_mean_displacement_is_nothing(name):
    """The middle of the view, and points next to it, see in the mean where they stand."""
    steps = 20000
    affine = draw(CASES[name], SIZE, steps, np.random.default_rng(5))
    view = SIZE + CASES[name].margin
    for away in ((0, 0), (4, 0), (0, -3)):
        point = np.array([(view - 1) / 2 + away[0], (view - 1) / 2 + away[1], 1])
        seen = affine @ point - (SIZE - 1) / 2
        spread = seen.std(axis=0) / np.sqrt(steps)
        shrunk = np.mean([np.cos(np.deg2rad(a)) for a in CASES[name].angles])
        shrunk *= np.mean([1 / s for s in CASES[name].scales])
        assert (np.abs(seen.mean(axis=0) - shrunk * np.array(away)) < 4.5 * spread + 1e-5).all()


def test_no_transform_shows_the_image_itself(rng):
    image = rng.uniform(0, 1, (2, 6, 6, 3)).astype(np.float32)
    affine = np.stack([draw(Transforms(), 6, 1, rng)[0]] * 2)
    np.testing.assert_allclose(resample(tf.constant(image), affine, 6), image, atol=1e-6)


def test_what_lies_around_is_grey(rng):
    image = rng.uniform(0, 1, (1, 4, 4, 3)).astype(np.float32)
    affine = draw(Transforms(margin=4), 4, 1, rng)
    shown = resample(tf.constant(image), affine, 8).numpy()
    np.testing.assert_allclose(shown[:, 2:6, 2:6], image, atol=1e-6)
    assert (shown[:, :2] == GREY).all()
    assert (shown[:, :, 6:] == GREY).all()


def test_both_ways_to_resample_are_one(rng):
    """TensorFlow's kernel serves a GPU; also where the view sees far beyond the image."""
    values = tf.constant(rng.normal(size=(5, 13, 9, 4)), tf.float32)
    transforms = Transforms(margin=8, jitters=(9,), scales=(0.5, 1.7), angles=(-35.0, 50.0))
    affine = np.stack([draw(transforms, 11, 1, np.random.default_rng(n))[0] for n in range(5)])
    for fill in (GREY, 0.0):
        given = values, tf.constant(affine), (19, 16), fill
        found, expected = transforms_module._compiled(*given), transforms_module._by_kernel(*given)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert np.mean(expected == fill) > 0.1


def test_each_image_has_its_own(rng):
    image = np.repeat(rng.uniform(0, 1, (1, 9, 9, 3)), 2, 0).astype(np.float32)
    affine = np.concatenate([draw(Transforms(), 9, 1, rng), [[[1, 0, 2], [0, 1, -1]]]])
    shown = resample(tf.constant(image), tf.constant(affine, tf.float32), 9).numpy()
    np.testing.assert_allclose(shown[0], image[0], atol=1e-6)
    np.testing.assert_allclose(shown[1, 1:, :-2], image[1, :-1, 2:], atol=1e-6)


def test_the_gradient_is_the_adjoint(rng):
    """<u, J v> = <J' u, v> for smooth images, which bilinear interpolation follows."""
    hills = np.hypot(*np.meshgrid(np.arange(40) - 17, np.arange(40) - 22))
    smooth = np.exp(-((hills / 7) ** 2))[None, :, :, None]
    v = np.concatenate([smooth, 0.5 * smooth, -smooth], 3).astype(np.float32)
    transforms = Transforms(margin=6, jitters=(4, 3), scales=(0.8, 1.3), angles=(-25.0, 30.0))
    for seed in range(4):
        affine = tf.constant(draw(transforms, 40, 1, np.random.default_rng(seed)))
        start = tf.constant(v)
        grey = resample(tf.zeros_like(start), affine, 46)
        with tf.GradientTape() as tape:
            tape.watch(start)
            shown = resample(start, affine, 46) - grey
            score = tf.reduce_sum(shown * shown)
        pulled = tape.gradient(score, start).numpy()
        assert np.sum(pulled * v) == pytest.approx(2 * float(score), rel=0.02)


def test_a_background_shows_where_the_image_is_clear(rng):
    images = rng.uniform(0, 1, (2, 6, 6, 4)).astype(np.float32)
    images[0, ..., 3], images[1, ..., 3] = 0, 1
    patches = np.stack([draw_backgrounds(3, np.random.default_rng(n))[2] for n in (1, 2)])
    shown = composite_over(tf.constant(images), tf.constant(patches)).numpy()
    np.testing.assert_allclose(shown[0, 0, 5], patches[0, 0, 3], atol=1e-6)
    np.testing.assert_allclose(shown[1], images[1, ..., :3], atol=1e-6)


def test_a_finished_image_lies_on_grey(rng):
    images = rng.uniform(0, 1, (2, 3, 5, 4)).astype(np.float32)
    expected = images[..., :3] * images[..., 3:] + 0.8 * (1 - images[..., 3:])
    np.testing.assert_allclose(composite_on_grey(images, 0.8), expected, atol=1e-6)
    opaque = images[..., :3]
    assert composite_on_grey(opaque, 0.8) is opaque
