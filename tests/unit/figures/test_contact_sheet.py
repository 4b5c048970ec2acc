"""The contact sheet of a layer as a file: what is in it, its size, and files that do not fit."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_contact import COUNT, GRID, MODEL, SIDE, SyntheticContact, colours
from numpy.typing import NDArray
from PIL import Image

from blockscope.figures.data.contact_sheet import max_pooled
from blockscope.figures.page import contact_sheet
from blockscope.figures.page.quantization import unpack
from blockscope.figures.palettes import palettes
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import sections_of, told
from blockscope.stages.figures.contact_sheet import write_contact_sheet


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator) -> SyntheticContact:
    return SyntheticContact(tmp_path, rng)


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="blockscope-data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def sheet_of(page: Path) -> NDArray[np.uint8]:
    found = re.search(r'<img id="sheet" src="data:image/webp;base64,([^"]+)"', page.read_text())
    assert found
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as opened:
        return np.asarray(opened.convert("RGB"))


def test_a_tile_stands_where_its_number_says(made: SyntheticContact) -> None:
    page = made.write(with_image=False)
    known, pixels = data_of(page)["sheet"], sheet_of(page)
    assert known == {"side": SIDE, "wrap": 5, "rows": 5}
    for place, colour in enumerate(colours(COUNT)):
        row, col = divmod(place, known["wrap"])
        middle = pixels[row * SIDE + SIDE // 2, col * SIDE + SIDE // 2]
        np.testing.assert_allclose(middle, colour, atol=8)


def test_the_page_of_a_network_has_no_image(made: SyntheticContact) -> None:
    made.diverged_step[3] = 17
    made.heldout_objective[6] = np.nan
    page = made.write(with_image=False)
    data = data_of(page)
    assert "response" not in data
    assert data["numbers"] == list(range(COUNT))
    assert data["heldout_objective"][6] is None
    assert data["diverged_step"] == [17 if n == 3 else -1 for n in range(COUNT)]
    for name in ("objective", "heldout_objective"):
        kept = [n for n in range(COUNT) if (name, n) != ("heldout_objective", 6)]
        np.testing.assert_allclose(
            np.array(data[name], float)[kept], getattr(made, name)[kept], rtol=1e-5
        )
    facts = provenance.read(page)
    assert facts["created_by"] == "contact_sheet"
    assert (facts["layer"], facts["recipe"], facts["model"]) == ("mixed", "draft", "tiny")
    assert "image" not in facts


def test_how_the_channels_respond_to_an_image(made: SyntheticContact) -> None:
    page = made.write()
    response = data_of(page)["response"]
    active = made.activations
    assert (response["rows"], response["cols"], response["pooled"]) == (*GRID, 1)
    unpacked = unpack(response["activations"])
    step = active.max(axis=(0, 1))[:, None, None] / 127
    assert (abs(unpacked - active.transpose(2, 0, 1)) <= 0.51 * step).all()
    np.testing.assert_allclose(response["largest"], active.max(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(response["mean"], active.mean(axis=(0, 1)), rtol=1e-5)
    place = np.array(response["place"])
    at = active[place // GRID[1], place % GRID[1], np.arange(COUNT)]
    np.testing.assert_array_equal(at, active.max(axis=(0, 1)))
    table = base64.b64decode(data_of(page)["palette"]["table"])
    assert table == palettes()["cividis"].table.tobytes()
    facts = provenance.read(page)
    assert (facts["created_by"], facts["image"]) == ("image_contact_sheet", "noise")


def test_the_settings_are_those_of_the_sprites_and_of_the_image(made: SyntheticContact) -> None:
    """Else a config made of the page renders no sprites."""
    made.sprite_facts = told({}, models={"tiny": {}}, sprites={"recipe": "draft"})
    made.facts = told({}, models={"tiny": {}}, images={"noise": {}})
    wanted = {"models": {"tiny": {}}, "sprites": {"recipe": "draft"}, "images": {"noise": {}}}
    assert sections_of(provenance.read(made.write())) == wanted
    del wanted["images"]
    assert sections_of(provenance.read(made.write(with_image=False))) == wanted


def test_some_channels_have_the_activations_of_their_numbers(made: SyntheticContact) -> None:
    wanted = made.activations.copy()
    chosen = [2, 11, 19]
    for name in ("pixels", "objective", "heldout_objective", "diverged_step", "numbers"):
        setattr(made, name, getattr(made, name)[chosen])
    data = data_of(made.write())
    assert data["numbers"] == chosen
    found = data["response"]["largest"]
    np.testing.assert_allclose(found, wanted.max(axis=(0, 1))[chosen], rtol=1e-5)


def test_a_page_links_to_the_files_of_the_spritemap(made: SyntheticContact) -> None:
    made.page = made.folder / "elsewhere" / "deep" / "page.html"
    text = made.write(with_image=False).read_text()
    addresses = re.findall(r'href="(\.\./[^"]+)"', text)
    assert addresses == ["../../mixed.png", "../../mixed.json", "../../mixed.zarr.zip"]


def test_a_page_loads_nothing(made: SyntheticContact) -> None:
    text = made.write().read_text()
    assert "default-src 'none'" in text
    assert re.findall(r'(?:src|srcset|action)="(?!data:)', text) == []
    assert re.findall(r'href="https?:[^"]*"', text) == [
        'href="https://doi.org/10.23915/distill.00010"'
    ]


def test_hostile_names_stay_text(made: SyntheticContact, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "</script><script>alert(1)</script>"
    monkeypatch.setitem(MODEL, "model", hostile)
    text = made.write().read_text()
    assert hostile not in text
    assert provenance.read(made.page)["model"] == hostile


def noise(made: SyntheticContact, side: int) -> None:
    """Give sprites of which nothing can be left out."""
    shape = (made.count, side, side, 3)
    made.pixels = made.rng.integers(0, 256, shape, np.uint8)


def test_tiles_get_smaller_until_the_page_fits(
    made: SyntheticContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(made, 96)
    monkeypatch.setattr(contact_sheet, "LARGEST_PAGE", 180_000)
    page = made.write()
    assert page.stat().st_size <= 180_000
    side = data_of(page)["sheet"]["side"]
    assert 0 < side < 96
    assert side % 16 == 0
    assert f"Here the sprites are scaled from 96 to {side} pixels" in page.read_text()


def test_a_sheet_that_cannot_be_small_is_refused(
    made: SyntheticContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise(made, 48)
    page = made.write()
    sheet = re.search(r'<img id="sheet" src="([^"]+)"', page.read_text())
    assert sheet
    monkeypatch.setattr(contact_sheet, "LARGEST_PAGE", page.stat().st_size - len(sheet[1]) + 1_000)
    page.unlink()
    words = r"layer 'mixed' has 1 kB left for its 23 sprites, with \d+ kB at 16 pixels each"
    with pytest.raises(BadFile, match=words + "; a page has at most 3 MB: look at 'mixed.zarr.zip"):
        made.write()
    assert not page.exists()


def test_cells_grow_until_activations_fit(
    made: SyntheticContact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest of a block stands for it, so that nothing that is active is lost."""
    monkeypatch.setattr(contact_sheet, "ARRAYS_SHARE", 0.005)
    page = made.write()
    response = data_of(page)["response"]
    assert response["pooled"] == 4
    assert (response["rows"], response["cols"]) == (2, 2)
    found = unpack(response["activations"])
    active = made.activations
    wanted = [active[:4, :4], active[:4, 4:], active[4:, :4], active[4:, 4:]]
    largest = active.max(axis=(0, 1))
    for cell, block in zip(found.reshape(COUNT, 4).T, wanted, strict=True):
        off = abs(cell - block.max(axis=(0, 1)))
        assert (off <= largest / 62 + 1e-6).all()  # six bits
    np.testing.assert_allclose(response["largest"], largest, rtol=1e-5)
    assert "a cell shows the largest of 4 &times; 4 positions" in page.read_text()


def test_blocks_at_the_edges_are_smaller() -> None:
    values = np.arange(5 * 7 * 2, dtype=float).reshape(5, 7, 2)[::-1]
    found = max_pooled(values, 3)
    assert found.shape == (2, 3, 2)
    np.testing.assert_array_equal(found[0, 2], values[:3, 6:].max(axis=(0, 1)))
    np.testing.assert_array_equal(found[1, 0], values[3:, :3].max(axis=(0, 1)))


def test_a_layer_without_a_spritemap_says_how_to_get_one(tmp_path: Path) -> None:
    words = r"no spritemap '.*low.zarr.zip'.*\"snakemake .*low.zarr.zip --config 'sprites=\{recipe:"
    with pytest.raises(BadFile, match=words):
        write_contact_sheet(output=tmp_path / "low.html", sprites=tmp_path / "low.zarr.zip")


def test_another_array_is_not_a_spritemap(made: SyntheticContact) -> None:
    made.write_image()
    with pytest.raises(
        BadFile, match="lacks sprites, objective, heldout_objective, diverged_step; a"
    ):
        write_contact_sheet(output=made.page, sprites=made.active)
    made.write_sprites()
    turned = datasets.read(made.sprites).transpose("sprite", "col", "row", "rgb")
    datasets.write_zarr(made.sprites, turned)
    with pytest.raises(BadFile, match=r"has axes .*'col', 'row'.* axes sprite, row, col, rgb"):
        write_contact_sheet(output=made.page, sprites=made.sprites)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"model": "other"}, "from model 'other', but the sprites are from model 'tiny'"),
        ({"graph_sha256": "ef"}, "graph_sha256 'ef', but the sprites are from graph_sha256 'abab"),
        ({"layer": "early"}, "from layer 'early', but the sprites are from layer 'mixed'"),
        ({"image": "dog"}, r"from image 'dog', but '.*input.png' is from image 'noise'"),
        ({"image_sha256": "ef"}, r"image_sha256 'ef', but '.*input.png' is from image_sha256 'cd"),
    ],
)
def test_activations_of_something_else(
    made: SyntheticContact, facts: dict[str, str], words: str
) -> None:
    made.facts = facts
    with pytest.raises(BadFile, match=words):
        made.write()


def test_sprites_of_more_channels_than_are_active(made: SyntheticContact) -> None:
    made.activations = made.activations[..., :20]
    with pytest.raises(
        BadFile, match=r"has 20 channels in '.*active.* sprite of channel 22; regenerate"
    ):
        made.write()


def test_directions_have_no_activations(made: SyntheticContact) -> None:
    made.unit = "direction"
    with pytest.raises(BadFile, match=r"sprites of layer 'mixed' are of directions, which have no"):
        made.write()
    text = made.write(with_image=False).read_text()
    assert f"What each of the {COUNT} directions responds to" in text
