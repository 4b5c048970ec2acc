"""Tiles of a spritemap: which one belongs to a channel, and sheets that cannot be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from blockscope.figures.data.sprites import read_exemplar_sheet, read_sprites
from blockscope.io import images
from blockscope.io.errors import BadFile
from blockscope.io.json_files import write_facts

TILE, WRAP, CHANNELS = 3, 4, 7


def write_sheet(
    folder: Path, rows: int = 2, cols: int = WRAP, facts: Mapping[str, object] | None = None
) -> list[Path]:
    """Write a sheet whose tile n is grey of value n; returns its image and description."""
    numbers = np.arange(rows * cols, dtype=np.uint8).reshape(rows, cols)
    sheet = np.repeat(numbers.repeat(TILE, 0).repeat(TILE, 1)[..., None], 3, axis=2)
    images.write_png(folder / "layer.png", sheet, {"created_by": "spritemap"})
    write_facts(folder / "layer.json", facts or {"tile": TILE, "wrap": WRAP, "objective": []})
    return [folder / "layer.png", folder / "layer.json"]


def test_a_channel_has_the_sprite_of_its_number(tmp_path: Path) -> None:
    sprites = read_sprites(write_sheet(tmp_path), CHANNELS)
    assert sprites is not None
    for channel in range(CHANNELS):
        expected = np.full((TILE, TILE, 3), channel)
        np.testing.assert_array_equal(sprites.of(channel), expected)


def test_a_layer_without_a_spritemap_has_none() -> None:
    assert read_sprites([], CHANNELS) is None


def test_a_sheet_of_one_short_row_is_whole(tmp_path: Path) -> None:
    sprites = read_sprites(write_sheet(tmp_path, rows=1, cols=3), 3)
    assert sprites is not None
    assert sprites.of(2).max() == 2


@pytest.mark.parametrize(
    ("rows", "cols", "found"), [(1, WRAP, "3 x 12 pixels"), (2, WRAP - 1, "6 x 9 pixels")]
)
def test_a_sheet_without_room_for_all_channels(
    tmp_path: Path, rows: int, cols: int, found: str
) -> None:
    files = write_sheet(tmp_path, rows, cols)
    words = (
        rf"layer.png' has {found}, and needs 6 x 12 for 7 channels in rows of 4 tiles of 3 pixels"
    )
    with pytest.raises(BadFile, match=words):
        read_sprites(files, CHANNELS)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"wrap": 4}, "has tile None; valid: a whole number from 1"),
        ({"tile": 3, "wrap": 0}, "has wrap 0; valid: a whole number from 1"),
        ({"tile": 3.5, "wrap": 4}, "has tile 3.5"),
        ({"tile": True, "wrap": 4}, "has tile True"),
    ],
)
def test_descriptions_that_say_no_geometry(
    tmp_path: Path, facts: dict[str, float], words: str
) -> None:
    with pytest.raises(BadFile, match=words):
        read_sprites(write_sheet(tmp_path, facts=facts), CHANNELS)


def test_a_damaged_description_and_missing_files(tmp_path: Path) -> None:
    files = write_sheet(tmp_path)
    files[1].write_bytes(b"{\xff")
    with pytest.raises(BadFile, match=r"layer.json' cannot be read"):
        read_sprites(files, CHANNELS)
    files[1].write_text("[3, 4]")
    with pytest.raises(BadFile, match=r"layer.json' cannot be read: it is not a JSON object"):
        read_sprites(files, CHANNELS)
    files[1].write_text(json.dumps({"tile": 3, "wrap": 4}))
    with pytest.raises(BadFile, match=r"layer.json' has no checksum; delete it, and it is made"):
        read_sprites(files, CHANNELS)
    files[1].unlink()
    with pytest.raises(BadFile, match=r"description of a spritemap .* does not exist"):
        read_sprites(files, CHANNELS)
    files = write_sheet(tmp_path)
    files[0].unlink()
    with pytest.raises(BadFile, match=r"image file .* does not exist"):
        read_sprites(files, CHANNELS)


def test_a_sheet_of_exemplars_says_what_it_shows(tmp_path: Path) -> None:
    facts = {
        "dataset": "photos", "effective_field": 21,
        "receptive_field_rows": 61, "receptive_field_cols": 43,
    }  # fmt: skip
    geometry = {"tile": 3, "wrap": 4}
    files = write_sheet(tmp_path, facts={**geometry, "provenance": facts})
    found = read_exemplar_sheet(files, CHANNELS)
    assert found is not None
    assert found.exemplars == ("data set photos, crops of 21 x 21 px, receptive field 61 x 43 px")
    np.testing.assert_array_equal(found.strongest(5), found.of(5)[:1, :1])
    assert read_exemplar_sheet([], CHANNELS) is None
    files = write_sheet(tmp_path, facts=geometry)
    with pytest.raises(BadFile, match=r"layer.json' does not say how large the receptive field is"):
        read_exemplar_sheet(files, CHANNELS)
