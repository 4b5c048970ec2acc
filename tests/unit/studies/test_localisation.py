"""The yardstick itself: shares on blocks, chance level, separation."""

from __future__ import annotations

import numpy as np
import pytest

from studies.blocks1000.localisation import (
    cells_under,
    chance,
    coverage,
    separation,
    share_on,
    strongest_cell,
    strongest_map,
    summary,
)


def masks():
    """Two blocks on 20 x 28 pixels, 5 x 7 cells of 4 x 4: one on whole cells, one on halves."""
    found = np.zeros((2, 20, 28), bool)
    found[0, 4:12, 8:12] = True
    found[1, 16:18, 20:24] = True
    return found


def test_coverage_counts_pixels_of_each_cell():
    covered = coverage(masks(), (5, 7))
    expected = np.zeros((2, 5, 7))
    expected[0, 1:3, 2] = 1
    expected[1, 4, 5] = 0.5
    np.testing.assert_array_equal(covered, expected)


def test_a_layer_that_does_not_divide_the_image_is_refused():
    with pytest.raises(ValueError, match="20 x 28 pixels do not divide into 5 x 8 cells"):
        coverage(masks(), (5, 8))


def test_share_of_a_map():
    covered = coverage(masks(), (5, 7))
    assert share_on(covered[0], covered[0]) == 1
    assert share_on(covered[1], covered[0]) == 0
    half = np.zeros((5, 7))
    half[1, 2] = half[0, 0] = 3
    assert share_on(half, covered[0]) == 0.5
    assert np.isnan(share_on(np.zeros((5, 7)), covered[0]))


def test_an_even_map_has_the_share_of_chance():
    covered = coverage(masks(), (5, 7))
    assert chance(covered[0]) == pytest.approx(8 * 4 / (20 * 28))
    assert share_on(np.ones((5, 7)), covered[0]) == pytest.approx(chance(covered[0]))


def test_separation_does_not_depend_on_the_order_of_factors():
    covered = coverage(masks(), (5, 7))
    apart = np.stack([covered[1], 9 * covered[0]], -1)
    assert separation(apart, covered) == 1
    assert separation(apart[..., ::-1], covered) == 1
    assert separation(np.ones((5, 7, 2)), covered) == pytest.approx(0.5)
    assert separation(np.zeros((5, 7, 2)), covered) == 0.5


def test_the_strongest_cell_lies_mostly_on_the_block():
    values = np.arange(35.0).reshape(5, 7)[::-1]  # largest at the top right, off the block
    covered = coverage(masks(), (5, 7))
    assert strongest_cell(values, covered[0]) == (1, 2)
    assert strongest_cell(-values, covered[0]) == (2, 2)
    assert strongest_cell(values, covered[1]) is None  # half a cell is not most of it


def test_the_cells_under_a_coarse_one():
    expected = np.zeros((6, 15))
    expected[4:6, 3:6] = 1
    np.testing.assert_array_equal(cells_under((2, 1), (3, 5), (6, 15)), expected)


def test_the_strongest_channels_are_weighed_by_their_values(rng):
    activations = rng.random((3, 4, 5))
    values = np.array([-9, 2, 0.5, -1, 3])
    expected = np.zeros((3, 4))
    for row, col in np.ndindex(3, 4):
        expected[row, col] = 3 * activations[row, col, 4] + 2 * activations[row, col, 1]
    np.testing.assert_allclose(strongest_map(activations, values, 2), expected)
    expected += 0.5 * activations[..., 2]
    np.testing.assert_allclose(strongest_map(activations, values, 4), expected)
    against = 9 * activations[..., 0]
    np.testing.assert_allclose(strongest_map(activations, -values, 1), against)
    assert not strongest_map(activations, -np.abs(values), 3).any()


def test_summary_leaves_empty_maps_out():
    mean, error = summary([0.2, 0.4, float("nan"), 0.6])
    assert mean == pytest.approx(0.4)
    assert error == pytest.approx(0.2 / np.sqrt(3))
