"""Many small images on one sheet of a page: where each is, and what gives way without room."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from blockscope.feature_visualization.mosaics import sheet_of
from blockscope.figures.image_encoding import webp_uri
from blockscope.figures.page import sprite_sheet as module
from blockscope.figures.page.sprite_sheet import SpriteSheet, sprite_sheet


def seen(sheet: SpriteSheet) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(base64.b64decode(sheet.uri.split(",", 1)[1]))) as opened:
        return np.asarray(opened.convert("RGB"))


def of_one_colour(count: int, side: int) -> NDArray[np.uint8]:
    colours = np.random.default_rng(3).integers(30, 220, (count, 1, 1, 3), dtype=np.uint8)
    return np.broadcast_to(colours, (count, side, side, 3)).copy()


@pytest.mark.parametrize(("wrap", "shape"), [(None, (3, 3)), (4, (2, 4)), (7, (1, 7))])
def test_a_tile_is_where_its_number_says(wrap: int | None, shape: tuple[int, int]) -> None:
    tiles = of_one_colour(7, 16)
    sheet = sprite_sheet(tiles, 10**6, wrap)
    assert (sheet.side, sheet.wrap, sheet.count) == (16, shape[1], 7)
    pixels = seen(sheet)
    assert pixels.shape == (16 * shape[0], 16 * shape[1], 3)
    for tile in range(7):
        row, col = divmod(tile, sheet.wrap)
        middle = pixels[16 * row + 8, 16 * col + 8].astype(int)
        np.testing.assert_allclose(middle, tiles[tile, 0, 0], atol=6)


def test_without_room_tiles_become_smaller_each_separately(rng: np.random.Generator) -> None:
    tiles = rng.integers(0, 256, (20, 40, 40, 3), dtype=np.uint8)
    whole = sprite_sheet(tiles, 10**6)
    assert whole.side == 40
    for part in (0.9, 0.3):
        smaller = sprite_sheet(tiles, int(part * len(whole.uri)))
        assert smaller.side in (32, 16)
        assert len(smaller.uri) <= part * len(whole.uri)
    flat = sprite_sheet(of_one_colour(20, 40), -7)
    assert flat.side == 16, "where nothing fits the smallest are taken"
    inner = seen(flat)[19:29, 35:45].astype(int)
    wanted = np.broadcast_to(of_one_colour(20, 1)[7], inner.shape)
    np.testing.assert_allclose(inner, wanted, atol=9)


def test_the_largest_side_that_fits_is_found_in_few_tries(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = rng.integers(0, 256, (6, 5, 5, 3), dtype=np.uint8)
    tiles = np.stack([np.asarray(Image.fromarray(one).resize((120, 120))) for one in coarse])
    lengths = {
        side: len(webp_uri(sheet_of(module._scaled(tiles, side), 3), 82))
        for side in (120, 112, 96, 80, 64, 48, 32, 16)
    }
    tries: list[int] = []

    def noted(sheet: NDArray[np.uint8], quality: int) -> str:
        tries.append(sheet.shape[1] // 3)
        return webp_uri(sheet, quality)

    monkeypatch.setattr(module, "webp_uri", noted)
    rooms = [length + more for length in lengths.values() for more in (-1, 0, 1)]
    total = 0
    for room in rooms:
        tries.clear()
        sheet = sprite_sheet(tiles, room)
        wanted = max((side for side in lengths if lengths[side] <= room), default=16)
        assert (sheet.side, len(sheet.uri)) == (wanted, lengths[wanted])
        assert len(set(tries)) == len(tries), "no side twice"
        total += len(tries)
    assert total < 4 * len(rooms)


def test_a_sheet_has_no_more_pixels_than_its_format_holds() -> None:
    sheet = sprite_sheet(of_one_colour(300, 64), 10**7, wrap=300)
    assert 300 * sheet.side <= 16_383
    assert sheet.side == 48


def test_equal_tiles_give_equal_addresses(rng: np.random.Generator) -> None:
    tiles = rng.integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)
    assert sprite_sheet(tiles, 10**6) == sprite_sheet(tiles.copy(), 10**6)
