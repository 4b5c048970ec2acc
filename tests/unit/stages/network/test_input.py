"""The stage "input": size, background and what the file records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadFile
from blockscope.io.images import read_png
from blockscope.models.card import InputSpec, ModelCard
from blockscope.stages.network.input import write_input


@pytest.fixture
def card(tmp_path: Path) -> Path:
    spec = InputSpec(tensor="input", size=(4, 6), range=(-1, 1))
    card = ModelCard(
        model="tiny", source="tiny.pb", source_sha256="ab" * 32, input=spec, logits="logits",
        outputs=2, layers=(), labels=("a", "b"),
    )  # fmt: skip
    card.write(tmp_path / "model.json")
    return tmp_path / "model.json"


def write(folder: Path, card: Path) -> None:
    write_input(
        image_path=folder / "photo.png", card_path=card, output=folder / "new/input.png",
        background=(1, 2, 3), image="photo",
    )  # fmt: skip


def test_the_input_is_what_the_network_sees(tmp_path: Path, card: Path) -> None:
    rgba = np.zeros((8, 12, 4), np.uint8)
    rgba[:, 6:] = [200, 100, 50, 255]
    Image.fromarray(rgba).save(tmp_path / "photo.png")
    write(tmp_path, card)
    pixels, facts = read_png(tmp_path / "new/input.png")
    assert pixels.shape == (4, 6, 3)
    np.testing.assert_allclose(pixels[:, 0], [[1, 2, 3]] * 4, atol=1)  # the filter rings
    np.testing.assert_allclose(pixels[:, 5], [[200, 100, 50]] * 4, atol=1)
    expected = {
        "created_by": "input", "model": "tiny", "model_sha256": "ab" * 32, "image": "photo",
        "image_sha256": sha256_of(tmp_path / "photo.png"), "background": "1,2,3",
    }  # fmt: skip
    assert facts.items() >= expected.items()


def test_the_input_is_scaled_as_the_card_says_and_shown_in_colour(
    tmp_path: Path, card: Path
) -> None:
    said = ModelCard.read(card)
    update = {"resize": 7, "filter": "nearest", "order": "bgr", "mean": (1, 2, 3)}
    said.model_copy(update={"input": said.input.model_copy(update=update)}).write(card)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (21, 33, 3)).astype("u1"))
    photo.save(tmp_path / "photo.png")
    write(tmp_path, card)
    expected = np.asarray(photo.resize((11, 7), Image.Resampling.NEAREST))[2:6, 2:8]
    np.testing.assert_array_equal(read_png(tmp_path / "new/input.png")[0], expected)


def test_a_damaged_image_leaves_no_input(tmp_path: Path, card: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"words")
    with pytest.raises(BadFile, match=r"photo\.png' is not in a known image format"):
        write(tmp_path, card)
    assert not (tmp_path / "new").exists()
