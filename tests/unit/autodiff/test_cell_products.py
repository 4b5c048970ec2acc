"""Scalar products of windows with windows, against those of whole maps."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockscope.autodiff.cell_products import by_cell, products
from blockscope.autodiff.windows import Frame, Window

SIZE = (5, 7)


def window_of(rng, batch, rows, cols, whole=False):
    """Windows at scattered places, some over the border, one outside; with values there."""
    top = rng.integers(-2, SIZE[0], batch).astype(np.int32)
    left = rng.integers(-2, SIZE[1], batch).astype(np.int32)
    frame = Frame.whole(batch, SIZE) if whole else Frame(top, left, rows, cols)
    values = rng.normal(size=(batch, frame.rows, frame.cols, 3))
    return Window(frame, tf.constant(values), clean=whole)


@pytest.mark.parametrize("whole1", [False, True])
@pytest.mark.parametrize("whole2", [False, True])
def test_are_those_of_whole_maps(whole1, whole2, rng):
    first, second = window_of(rng, 9, 2, 3, whole1), window_of(rng, 4, 3, 2, whole2)
    found = products(first, by_cell(second, SIZE), SIZE).numpy()
    wanted = np.einsum("aijc,bijc->ab", first.to_map(SIZE), second.to_map(SIZE))
    assert found.shape == (9, 4)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_maps_are_turned_cells_first(rng):
    window = window_of(rng, 4, 3, 2)
    whole = window.to_map(SIZE).numpy().reshape(4, 35, 3)
    np.testing.assert_array_equal(by_cell(window, SIZE), whole.transpose(1, 0, 2))


def test_windows_outside_of_the_map_have_none(rng):
    away = Window(Frame(np.array([9, -3]), np.array([0, 2]), 2, 2), tf.ones((2, 2, 2, 3)), False)
    maps = tf.ones((35, 4, 3))
    np.testing.assert_array_equal(products(away, maps, SIZE), np.zeros((2, 4)))
