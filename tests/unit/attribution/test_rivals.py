"""Other methods' maps: against loops over the formulas, and against each other where they agree."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, in_tensorflow, network_of, sequence, weights
from oracles.channels import score_and_gradient

from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.perturbation import in_input, in_layer, stand_ins
from blockscope.attribution.rivals import RIVALS, product, rival_maps, slopes_at
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap

SHAPE = (10, 14, 3)
LABELS = [4, 0, 3]


def straight(x):
    """A network without anything that is not linear, but with biases."""
    x = conv(x, 5, (3, 2), 2, seed=1, relu=False)
    x = conv(tf.identity(x, "middle"), 4, (2, 3), 1, seed=2, relu=False)
    return tf.reduce_mean(x, [1, 2]) @ weights((4, 6), 3) + weights((6,), 4)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(3).normal(size=SHAPE)


def gradients_of(build, image, layer="input", override="none") -> Gradients:
    network = network_of(build, SHAPE)
    return Gradients(network, image[None], layer, "output", OVERRIDES[override])


def test_rivals_are_what_their_formulas_say(image):
    gradients = gradients_of(in_tensorflow(sequence()), image)
    found = rival_maps(gradients, image[None], LABELS)
    assert set(found) == set(RIVALS)
    for place, label in enumerate(LABELS):
        _, gradient = score_and_gradient(sequence(), image, label, None)
        channels = range(SHAPE[2])
        means = [gradient[..., c].sum() / (SHAPE[0] * SHAPE[1]) for c in channels]
        for row, col in np.ndindex(SHAPE[:2]):
            a, g = image[row, col], gradient[row, col]
            expected = {
                "hires_cam": sum(a[c] * g[c] for c in channels),
                "grad_cam": max(0, sum(a[c] * means[c] for c in channels)),
                "layer_cam": max(0, sum(a[c] * max(0, g[c]) for c in channels)),
                "gradient": max(abs(g[c]) for c in channels),
            }
            for name, value in expected.items():
                assert found[name][place, 0, row, col] == pytest.approx(value, abs=1e-12), name


def test_integrated_gradients_add_up_and_are_many_small_steps(image):
    gradients = gradients_of(in_tensorflow(sequence()), image)
    found = rival_maps(gradients, image[None], LABELS)["integrated_gradients"][:, 0]
    nodes = (np.arange(2000) + 0.5) / 2000
    slopes = slopes_at(gradients, nodes[:, None, None, None] * image, LABELS)
    expected = (slopes.mean(1) * image).sum(-1)
    size = np.abs(expected).max()
    assert np.abs(found - expected).max() < 0.05 * size
    ends = gradients.values_at(np.stack([image, 0 * image])).numpy()[:, LABELS]
    rise = ends[0] - ends[1]
    np.testing.assert_allclose(expected.sum((1, 2)), rise, rtol=1e-3)
    np.testing.assert_allclose(found.sum((1, 2)), rise, atol=0.05 * np.abs(rise).max())


def test_in_a_linear_network_integrated_gradients_are_the_linear_map(image):
    gradients = gradients_of(straight, image, "middle")
    found = rival_maps(gradients, gradients.value[None], LABELS)
    np.testing.assert_allclose(found["integrated_gradients"], found["hires_cam"], atol=1e-12)


def test_hires_cam_is_the_attribution_without_an_override(image):
    network = network_of(in_tensorflow(sequence()), SHAPE)
    linear = LinearMap(network, image[None], "input", "output", OVERRIDES["none"])
    gradients = gradients_of(in_tensorflow(sequence()), image)
    found = rival_maps(gradients, image[None], LABELS)["hires_cam"][:, 0]
    np.testing.assert_allclose(found, attribute_labels(linear, LABELS), atol=1e-12)
    smooth = gradients_of(in_tensorflow(sequence()), image, override="smooth")
    other = product(image[None], slopes_at(smooth, image[None], LABELS))[:, 0]
    assert np.abs(other - found).max() > 0.01


def test_several_points_are_one_after_the_other_whatever_the_memory(image):
    gradients = gradients_of(in_tensorflow(sequence()), image)
    points = np.stack([image, 0.5 * image, -image])
    found = rival_maps(gradients, points, LABELS)
    for n, point in enumerate(points):
        alone = rival_maps(gradients, point[None], LABELS, memory_mb=0)
        for name, maps in alone.items():
            np.testing.assert_allclose(found[name][:, n], maps[:, 0], atol=1e-12)


# What stands in for what is taken away


def test_positions_of_a_layer_are_set_to_zero(image, rng):
    gradients = gradients_of(straight, image, "middle")
    kept = rng.random((5, *gradients.value.shape[:2])) < 0.5
    found = in_layer(gradients, LABELS)(kept)
    expected = gradients.values_at(gradients.value * kept[..., None]).numpy()[:, LABELS]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    # Linear with biases: what is lost is the sum of what single positions lose.
    ones = np.ones((1, *kept.shape[1:]), bool)
    maps = rival_maps(gradients, gradients.value[None], LABELS)["hires_cam"][:, 0]
    lost = in_layer(gradients, LABELS)(ones) - found
    np.testing.assert_allclose(lost, np.einsum("lrc,brc->bl", maps, ~kept), atol=1e-12)


def test_cells_of_the_input_are_replaced(rng):
    network = network_of(straight, SHAPE)
    pixels = rng.integers(0, 256, SHAPE, np.uint8)
    values = network.values(pixels)
    gradients = Gradients(network, values.astype(float), "input", "output", OVERRIDES["none"])
    kept = np.array([[[True, False, True, True], [False, True, True, False]]])
    given = stand_ins(pixels)
    found = in_input(network, gradients, list(given.values()), LABELS)(kept)
    for place, (name, other) in enumerate(given.items()):
        mixed = values[0].astype(float)
        for row, col in np.ndindex(SHAPE[:2]):
            if not kept[0, row * 2 // 10, int((col + 0.5) * 4 / 14)]:
                mixed[row, col] = other[row, col]  # the network is fed 0 to 1
        expected = gradients.values_at(mixed[None]).numpy()[:, LABELS]
        np.testing.assert_allclose(found[..., place], expected, atol=1e-6, err_msg=name)


def test_what_stands_in_for_pixels(rng):
    pixels = rng.integers(0, 256, (40, 56, 3), np.uint8)
    found = stand_ins(pixels)
    assert list(found) == ["blur", "mean", "grey"]
    np.testing.assert_allclose(found["mean"][3, 4], pixels.mean((0, 1)) / 255, rtol=1e-5)
    assert set(found["grey"].ravel()) == {0.5}
    assert found["blur"].std() < 0.3 * (pixels / 255).std()
    np.testing.assert_allclose(found["blur"].mean(), pixels.mean() / 255, atol=0.02)
    grey = np.full((512, 512, 3), 128, np.uint8)
    assert np.ptp(stand_ins(grey)["blur"]) == 0
    np.testing.assert_array_equal(stand_ins(grey)["mean"], grey / np.float32(255))
