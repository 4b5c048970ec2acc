"""Mosaics: sprites on a sheet; cells side by side, cropped, as large as their vectors are long."""

from __future__ import annotations

import numpy as np

from blockscope.feature_visualization.mosaics import (
    flatten_alpha,
    grid_sheet,
    scaled_cell_mask,
    sheet_of,
    wrap_of,
)
from blockscope.feature_visualization.pixels import as_bytes


def test_the_sheet_has_tile_n_in_column_n_modulo_wrap():
    tiles = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    sheet = sheet_of(tiles, 3)
    assert sheet.shape == (4, 6, 3)
    assert sheet[0, 4, 0] == 2
    assert sheet[2, 0, 1] == 3
    assert (sheet[2:, 4:] == 220).all()


def test_wraps():
    assert [wrap_of(name, 99) for name in ("mixed3a", "mixed4d", "mixed5a")] == [16, 22, 28]
    assert [wrap_of("fire9", count) for count in (1, 16, 17)] == [1, 4, 5]


def test_opaque_sprites_are_left_as_they_are():
    pixels = np.zeros((2, 3, 3, 3), np.uint8)
    assert flatten_alpha(pixels)[0] is pixels
    assert flatten_alpha(pixels)[1] is None


def test_colours_are_rounded_to_bytes_once():
    colours = np.array([[0.0, 0.2, 1 / 3], [0.5, 0.999, 1.0]], np.float32)
    stored = as_bytes(colours)
    assert stored.dtype == np.uint8
    assert stored.tolist() == [[0, 51, 85], [128, 255, 255]]
    assert as_bytes(stored) is stored


def test_the_sheet_is_row_by_row_and_cropped(rng):
    cells = rng.integers(0, 256, (2, 3, 5, 7, 3)).astype(np.uint8)
    sheet = grid_sheet(cells, 1)
    assert sheet.shape == (2 * 3, 3 * 5, 3)
    np.testing.assert_array_equal(sheet[3:6, 10:15], cells[1, 2, 1:-1, 1:-1])
    assert grid_sheet(cells, 0).shape == (10, 21, 3)


def test_a_stronger_cell_shows_more_of_itself(rng):
    cells = rng.integers(0, 256, (1, 3, 5, 7, 3)).astype(np.uint8)
    sheet = grid_sheet(cells, 0, np.array([[8.0, 4.4, 0.0]]))
    assert sheet.shape == (5, 21, 4)
    np.testing.assert_array_equal(sheet[..., :3], grid_sheet(cells, 0))
    shown = sheet[..., 3] == 255
    assert shown[:, :7].all()
    rows, cols = np.nonzero(shown[:, 7:14])
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (1, 3, 1, 4)
    assert not sheet[:, 14:, 3].any()
    assert not scaled_cell_mask(np.zeros((2, 2)), 5, 7).any()
