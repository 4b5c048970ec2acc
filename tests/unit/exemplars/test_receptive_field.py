"""Receptive fields against the gradient of networks whose windows and paddings are lopsided."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, network_of, weights

from blockscope.exemplars.crops import box_around, share_inside
from blockscope.exemplars.effective_field import Activation, centred_side, squared_gradients
from blockscope.exemplars.receptive_field import ReceptiveField, receptive_field

SIZE = (41, 58)


def lopsided(x):
    """Strides and paddings that differ between axes and ends."""
    kernel = weights((5, 2, 3, 6), 1).astype("f4")
    x = tf.nn.conv2d(x, kernel, (2, 3), [[0, 0], [4, 0], [0, 1], [0, 0]])
    x = tf.pad(x, [[0, 0], [0, 3], [2, 0], [0, 0]])
    return tf.nn.conv2d(x, weights((3, 4, 6, 5), 2).astype("f4"), (1, 2), "VALID", name="asked")


def dilated(x):
    x = conv(x, 4, (3, 3), 2, seed=1)
    kernel = weights((3, 3, 4, 5), 2).astype("f4")
    return tf.nn.conv2d(x, kernel, 1, "VALID", dilations=[2, 3], name="asked")


def enlarged(x):
    x = conv(x, 4, (3, 3), 2, "VALID", seed=1)
    kernel = weights((3, 5, 6, 4), 2).astype("f4")
    return tf.nn.conv2d_transpose(x, kernel, [1, 41, 86, 6], (2, 3), "VALID", name="asked")


def shuffled(x):
    """Channels become places, as in networks that enlarge without windows."""
    x = tf.nn.avg_pool2d(x, (2, 3), (2, 3), "VALID")
    return tf.nn.depth_to_space(conv(x, 12, (1, 1), relu=False), 2, name="asked")


def mirrored(x):
    """Beyond the edge a pixel is read that lies as far from it as the place does."""
    x = tf.pad(x, [[0, 0], [6, 2], [0, 9], [0, 0]], "REFLECT")
    return conv(x, 5, (3, 2), 1, "VALID", seed=1, name="asked")


def beside_a_table(x):
    """Numbers that are made from how many columns there are see nothing of the image."""
    x = conv(x, 4, (3, 3), 2, seed=1)
    table = 0.1 * tf.cast(1 + tf.range(tf.shape(x)[2]), tf.float32)[:, None]
    return conv(x * table, 5, (1, 3), 1, "VALID", seed=2, name="asked")


def residual(x):
    x = conv(x, 4, (3, 3), 2, seed=1)
    x = x + conv(x, 4, (5, 5), 1, seed=2)
    return tf.nn.max_pool2d(x, 3, (2, 1), "SAME", name="asked")


def fields_of(build, size=SIZE, layer="asked") -> tuple[ReceptiveField, np.ndarray, list]:
    network = network_of(build, (*size, 3), tf.float32)
    field = receptive_field(network, layer)
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    shape = network.run({"input": network.values(image)}, [layer])[layer].shape
    units = [
        Activation(int(rng.integers(shape[3])), row, col)
        for row in range(0, shape[1], max(1, shape[1] // 4))
        for col in range(0, shape[2], max(1, shape[2] // 4))
    ]
    one_by_one = 0  # MB: some of these networks take no batch
    squared = squared_gradients(network, layer, [image] * len(units), units, one_by_one)
    return field, squared, units


def test_the_gradient_along_a_direction_is_that_of_its_channels_together():
    network = network_of(residual, (*SIZE, 3), tf.float32)
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 256, (*SIZE, 3), np.uint8)
    directions = rng.normal(size=(4, 2)).astype(np.float32)
    units = [Activation(0, 3, 2), Activation(1, 5, 7)]
    found = squared_gradients(network, "asked", [pixels] * 2, units, 100, directions)
    for unit, squared in zip(units, found, strict=True):
        with tf.GradientTape() as tape:
            values = tf.convert_to_tensor(network.values(pixels))
            tape.watch(values)
            maps = network.run({"input": values}, ["asked"])["asked"]
            score = tf.reduce_sum(maps[0, unit.row, unit.col] * directions[:, unit.unit])
        wanted = np.square(tape.gradient(score, values).numpy().astype(float)).sum(-1)[0]
        assert wanted.max() > 0
        np.testing.assert_allclose(squared, wanted, rtol=1e-4, atol=1e-6 * wanted.max())


@pytest.mark.parametrize(
    "build", [lopsided, dilated, enlarged, shuffled, residual, mirrored, beside_a_table]
)
def test_the_gradient_lies_within_the_field_and_reaches_its_ends(build):
    field, squared, units = fields_of(build)
    reached = {0: 0.0, 1: 0.0}
    for unit, gradient in zip(units, squared, strict=True):
        for axis, line in enumerate((field.row, field.col)):
            seen = np.flatnonzero(gradient.sum(axis=1 - axis) > 0)
            if not len(seen):
                continue
            middle = field.centre(unit.row, unit.col)[axis]
            assert seen[0] >= middle - line.size / 2 - 1e-6, (unit, axis)
            assert seen[-1] + 1 <= middle + line.size / 2 + 1e-6, (unit, axis)
            reached[axis] = max(reached[axis], (seen[-1] + 1 - seen[0]) / line.size)
    if build is mirrored:  # each place sees a part, on one side of its middle
        return
    # A pooling passes one position on; the phases of a transposed convolution differ.
    ends = 0.6 if build in (enlarged, shuffled, residual) else 0.99
    assert min(reached.values()) >= ends


@pytest.mark.parametrize("build", [lopsided, dilated, enlarged, residual, inception_like])
def test_the_middle_of_the_gradient_lies_in_the_crop(build):
    layer = "late" if build is inception_like else "asked"
    field, squared, units = fields_of(build, layer=layer)
    seen = [n for n, gradient in enumerate(squared) if gradient.sum() > 0]
    assert len(seen) > len(units) / 2
    sides = [centred_side(squared[n], field.centre(units[n].row, units[n].col)) for n in seen]
    side = int(np.median(sides))
    for n in seen:
        box = box_around(field.centre(units[n].row, units[n].col), side, SIZE)
        rows, cols = (np.arange(size) + 0.5 for size in SIZE)
        total = squared[n].sum()
        middle = (squared[n].sum(1) @ rows / total, squared[n].sum(0) @ cols / total)
        assert box.top <= middle[0] <= box.bottom, units[n]
        assert box.left <= middle[1] <= box.right, units[n]
        assert share_inside(squared[n], box) > 0.4


def test_sizes_of_windows_one_behind_the_other():
    """As worked out by hand: 5 + 2 * 2 rows, 2 + 3 * 3 columns."""
    network = network_of(lopsided, (*SIZE, 3), tf.float32)
    field = receptive_field(network, "asked")
    assert field.size == (9, 11)
    # Row 0 sees rows -4 to 5, column 0 two padded columns before those from 0 on.
    assert field.centre(0, 0) == pytest.approx((0.5, -0.5))
    assert field.centre(2, 1) == pytest.approx((4.5, 5.5))


def test_a_layer_that_reads_a_mean_over_the_map_sees_everything_from_where_it_is():
    def squeeze(x):
        x = conv(x, 4, (3, 3), 2, seed=1)
        gate = tf.reduce_mean(x, [1, 2], keepdims=True)
        return tf.multiply(x, conv(gate, 4, (1, 1), seed=3), name="asked")

    network = network_of(squeeze, (*SIZE, 3), tf.float32)
    field = receptive_field(network, "asked")
    assert field.size == SIZE
    assert field.centre(3, 4) == pytest.approx((6.5, 9.5))


def test_what_the_windows_do_not_tell_is_spread_evenly_over_the_image():
    network = network_of(
        lambda x: tf.reverse(conv(x, 4, (3, 3), 2, seed=1), [1], name="asked"),
        (*SIZE, 3),
        tf.float32,
    )
    field = receptive_field(network, "asked")
    assert field.size == SIZE
    assert field.centre(0, 0)[0] == pytest.approx(SIZE[0] / 21 / 2)


def test_the_smallest_square_that_holds_a_share():
    squared = np.zeros((9, 12))
    squared[4, 5] = 8
    squared[2, 5] = squared[4, 8] = 1
    centre = (4.5, 5.5)
    assert centred_side(squared, centre, 0.8) == 1
    assert centred_side(squared, centre, 0.9) == 5
    assert centred_side(squared, centre, 0.95) == 7
