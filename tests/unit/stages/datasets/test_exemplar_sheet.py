"""The stage "exemplar_sheet": crops of images of any size, where the network saw them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_exemplars import layer_exemplars
from helpers.tiny_files import write_tiny_files
from numpy.typing import NDArray
from PIL import Image

from blockscope.exemplars import sheet
from blockscope.exemplars.effective_field import Activation, squared_gradients
from blockscope.io import datasets, images, provenance
from blockscope.io.errors import BadFile
from blockscope.io.json_files import read_facts
from blockscope.io.resizing import fit
from blockscope.models.card import ModelCard
from blockscope.models.network import Network
from blockscope.stages.datasets.dataset import write_dataset
from blockscope.stages.datasets.exemplar_sheet import write_exemplar_sheet

COUNT, CHANNELS, BACKGROUND = 30, 11, (1, 2, 3)
FACTS = {"layer": "mixed", "dataset": "photos"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("exemplars")
    files = write_tiny_files(folder, "mixed")
    rng, photos = np.random.default_rng(2), folder / "photos"
    photos.mkdir()
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (50 + number, 70 - number, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{number:02}.png")
    index = folder / "index.h5"
    write_dataset(dataset="photos", path=str(photos), count=None, seed=0, labels="", output=index)
    card = ModelCard.read(files["card"])
    found = layer_exemplars(rng, card.layer("mixed").shape[:2], CHANNELS, card.identity | FACTS)
    found["shown_name"] = "shown", [f"{number:02}.png" for number in found["shown"].values]
    datasets.write_h5(folder / "mixed.h5", found)
    return {
        "exemplars": folder / "mixed.h5",
        "index": index,
        "graph": files["graph"],
        "card": files["card"],
        "background": BACKGROUND,
        "memory_mb": 100,
    }


def write(folder: Path, known: dict[str, Any], **changes: Any) -> dict[str, Path]:
    outputs = {kind: folder / f"mixed.{kind}" for kind in ("zarr.zip", "png", "json")}
    named = {kind.partition(".")[0]: path for kind, path in outputs.items()}
    write_exemplar_sheet(**(known | named | changes))
    return named


@pytest.fixture(scope="module")
def written(known: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("sheet"), known)


def as_seen(known: dict[str, Any], number: int) -> NDArray[np.uint8]:
    spec = ModelCard.read(known["card"]).input
    photo = Path(known["index"]).with_name("photos") / f"{number:02}.png"
    return fit(images.read_image(photo), spec.size, spec.resize, spec.filter)


def test_a_crop_is_cut_where_the_network_saw_it(
    known: dict[str, Any], written: dict[str, Path]
) -> None:
    found, made = datasets.read(known["exemplars"]), datasets.read(written["zarr"])
    assert made["crops"].shape == (2, CHANNELS, 6, 48, 48, 3)
    side = int(made.attrs["effective_field"])
    for place in np.ndindex(2, CHANNELS, 6):
        stored = (2 * place[0], *place[1:])
        pixels = as_seen(known, int(found["number"].values[stored]))
        top, left, bottom, right = (int(edge) for edge in made["box"].values[place])
        assert (bottom - top, right - left) == (side, side)
        assert min(top, left) >= 0
        assert bottom <= pixels.shape[0]
        assert right <= pixels.shape[1]
        part = Image.fromarray(pixels[top:bottom, left:right])
        wanted = part.resize((48, 48), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(made["crops"].values[place], np.asarray(wanted))


def test_a_crop_holds_the_middle_of_the_gradient(
    known: dict[str, Any], written: dict[str, Path]
) -> None:
    """Strides, and pooling with padding, lie between."""
    found, made = datasets.read(known["exemplars"]), datasets.read(written["zarr"])
    card = ModelCard.read(known["card"])
    network = Network.load(known["graph"], card)
    checked = 0
    for channel, rank in np.ndindex(CHANNELS, 4):
        place = (0, channel, rank)
        row, col = (int(found[f"position_{axis}"].values[place]) for axis in ("row", "col"))
        pixels = as_seen(known, int(found["number"].values[place]))
        unit = Activation(channel, row, col)
        (squared,) = squared_gradients(network, "mixed", [pixels], [unit])
        if squared.sum() == 0:
            continue
        top, left, bottom, right = made["box"].values[place]
        rows, cols = (np.arange(size) + 0.5 for size in squared.shape)
        assert top <= squared.sum(1) @ rows / squared.sum() <= bottom
        assert left <= squared.sum(0) @ cols / squared.sum() <= right
        checked += 1
    assert checked > CHANNELS


def test_the_sheet_has_the_form_of_a_spritemap(written: dict[str, Path]) -> None:
    crops = datasets.read(written["zarr"])["crops"].to_numpy()
    pixels, facts = images.read_png(written["png"])
    described = read_facts(written["json"], "sheet")
    assert (described["tile"], described["wrap"], described["unit"]) == (96, 4, "channel")
    assert described["sprite"] == list(range(CHANNELS))
    tile = pixels[96 : 2 * 96, 96 : 2 * 96]  # channel 5
    np.testing.assert_array_equal(tile[48:, :48], crops[0, 5, 2])
    assert described["provenance"] == facts == provenance.read(written["zarr"])
    assert facts["created_by"] == "exemplar_sheet"
    # conv 5 x 3 by 2, pool 3 by 2, conv 3 (behind one of 1): 5 + 2 * 2 + 4 * 2 rows.
    assert (facts["receptive_field_rows"], facts["receptive_field_cols"]) == (17, 15)
    assert 1 <= int(facts["effective_field"]) <= 17
    assert 0 < float(facts["counts_lower"]) <= float(facts["counts"]) <= 1


def test_an_image_in_which_a_channel_is_zero_drives_it_not(
    known: dict[str, Any], tmp_path: Path
) -> None:
    found = datasets.read(known["exemplars"])
    found["value"][0, 3] = 0  # of a channel that no image drives
    found["value"][2, 4, 2:] = 0  # of one that counts in two images
    datasets.write_h5(tmp_path / "found.h5", found)
    made = datasets.read(write(tmp_path, known, exemplars=tmp_path / "found.h5")["zarr"])
    assert (made["crops"].values[0, 3] == BACKGROUND).all()
    assert (made["box"].values[0, 3] == -1).all()
    assert (made["box"].values[1, 4] >= 0).all(axis=1).tolist() == [True, True] + 4 * [False]
    assert (made["box"].values[0, 4] >= 0).all()


def test_exemplars_of_other_images_are_refused(known: dict[str, Any], tmp_path: Path) -> None:
    """Numbers would lead to other images than those that were found."""
    index = tmp_path / "index.h5"
    photos = Path(known["index"]).with_name("photos")
    write_dataset(dataset="photos", path=str(photos), count=12, seed=1, labels="", output=index)
    with pytest.raises(BadFile, match=r"mixed.h5' shows images that .*index.h5' does not have"):
        write(tmp_path, known, index=index)


def test_images_are_read_once_each(
    known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    crops_of = sheet.crops_of

    def counted(found: Any, field: Any, read: Any, background: Any) -> Any:
        def reading(number: int) -> Any:
            reads.append(number)
            return read(number)

        return crops_of(found, field, reading, background)

    monkeypatch.setattr("blockscope.stages.datasets.exemplar_sheet.crops_of", counted)
    write(tmp_path, known)
    assert len(reads) == len(set(reads)) > 10


def test_exemplars_of_another_network_are_refused(known: dict[str, Any], tmp_path: Path) -> None:
    found = datasets.read(known["exemplars"])
    found.attrs["graph_sha256"] = "1"
    datasets.write_h5(tmp_path / "other.h5", found)
    words = r"other.h5' is from graph_sha256 '1', expected '[0-9a-f]{64}'; regenerate it"
    with pytest.raises(BadFile, match=words):
        write(tmp_path, known, exemplars=tmp_path / "other.h5")
    assert not (tmp_path / "mixed.zarr.zip").exists()


def test_an_image_that_is_gone_is_named(known: dict[str, Any], tmp_path: Path) -> None:
    photo = Path(known["index"]).with_name("photos") / "07.png"
    content = photo.read_bytes()
    photo.unlink()
    try:
        with pytest.raises(BadFile, match=r"07.png' does not exist"):
            write(tmp_path, known)
    finally:
        photo.write_bytes(content)
    assert not (tmp_path / "mixed.zarr.zip").exists()
