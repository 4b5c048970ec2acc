"""Crops: squares that stay in the image, and what is shown where they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.exemplars.crops import Box, box_around, share_inside, tile_of
from blockscope.exemplars.sheet import four_of

IMAGE = (20, 30)


@pytest.mark.parametrize(
    ("centre", "side", "box"),
    [
        ((10.0, 15.0), 6, Box(7, 12, 13, 18)),
        ((1.0, 29.5), 6, Box(0, 24, 6, 30)),  # moved into the image
        ((-4.0, 40.0), 6, Box(0, 24, 6, 30)),
        ((3.0, 3.0), 20, Box(0, 0, 20, 20)),
        ((3.0, 3.0), 25, Box(-2, 0, 23, 25)),  # longer than the image: the image in the middle
        ((3.0, 3.0), 30, Box(-5, 0, 25, 30)),
    ],
)
def test_a_square_stays_in_the_image(centre: tuple[float, float], side: int, box: Box) -> None:
    assert box_around(centre, side, IMAGE) == box


def test_a_tile_shows_what_is_in_the_box() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*IMAGE, 3), np.uint8)
    np.testing.assert_array_equal(
        tile_of(pixels, Box(4, 9, 12, 17), 8, (0, 0, 0)), pixels[4:12, 9:17]
    )
    wide = tile_of(pixels, Box(-5, 0, 25, 30), 30, (9, 80, 200))
    np.testing.assert_array_equal(wide[5:25], pixels)
    np.testing.assert_array_equal(
        np.unique(wide[[0, 4, 25, 29]].reshape(-1, 3), axis=0), [[9, 80, 200]]
    )


def test_the_share_inside_counts_the_image_alone() -> None:
    squared = np.ones(IMAGE)
    assert share_inside(squared, Box(-5, 0, 25, 30)) == 1
    assert share_inside(squared, Box(0, 0, 10, 15)) == pytest.approx(0.25)


def test_the_four_strongest_are_in_reading_order() -> None:
    crops = np.arange(5, dtype=np.uint8)[None, :, None, None, None] * np.ones(
        (2, 1, 3, 3, 3), np.uint8
    )
    tiles = four_of(crops)
    assert tiles.shape == (2, 6, 6, 3)
    assert tiles[1, ::3, ::3, 0].tolist() == [[0, 1], [2, 3]]
    assert four_of(crops[:, :3])[0, 5, 5].tolist() == [255, 255, 255]
