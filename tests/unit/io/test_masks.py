"""Masks: what is read, and what is refused in which words."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from blockscope.io.errors import BadFile
from blockscope.io.masks import check_mask, colours_of, fit_mask, object_pixels, read_mask
from blockscope.io.resizing import fit

SIZE = (7, 5)  # columns, rows
OBJECTS = {"#c81e0a": "ant", "#0000ff": "bee"}


@pytest.fixture
def pixels():
    found = np.zeros((5, 7, 3), np.uint8)
    found[1:3, 2:6] = 200, 30, 10
    found[4, 0] = 0, 0, 255
    return found


def saved(pixels, folder, name="mask.png", **options):
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


def test_pixels_of_an_object(pixels, tmp_path):
    mask = read_mask(saved(pixels, tmp_path))
    assert colours_of(mask) == {"#000000": 26, "#0000ff": 1, "#c81e0a": 8}
    check_mask(mask.size, colours_of(mask), OBJECTS, SIZE, "mask.png")
    assert object_pixels(np.asarray(mask), "#c81e0a").sum() == 8
    assert np.argwhere(object_pixels(np.asarray(mask), "#0000ff")).tolist() == [[4, 0]]


def test_palettes_and_what_is_transparent(pixels, tmp_path):
    Image.fromarray(pixels).quantize(8).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png"), pixels)
    alpha = np.where(pixels.any(-1), 255, 0).astype(np.uint8)
    clear = np.dstack([np.where(alpha[..., None], pixels, 90), alpha])
    np.testing.assert_array_equal(read_mask(saved(clear, tmp_path, "clear.png")), pixels)


@pytest.mark.parametrize("size", [(24, 15), (11, 23), (8, 8)])
@pytest.mark.parametrize("kind", ["lanczos", "bilinear_sampled"])
@pytest.mark.parametrize("resize", ["crop", "squash", 26])
def test_a_mask_is_cut_and_scaled_as_its_image(size, kind, resize):
    random = np.random.default_rng(3)
    for rows, cols in random.integers(26, 90, (20, 2)):
        image = np.zeros((rows, cols, 3), np.uint8)
        image[:, : cols // 2] = 255, 0, 0
        image[rows // 3 :, :, 1] = 255
        found = Image.fromarray(image)
        seen = fit(found, size, resize, kind).astype(int)
        mask = fit_mask(found, size, resize, kind)
        assert set(np.unique(mask)) <= {0, 255}
        # An edge runs through a pixel: the mask has the colour of the larger part of it.
        assert np.abs(seen - mask).max() <= 160


def test_colours_of_16_bits_are_refused(tmp_path):
    grey = np.zeros((5, 7), np.uint16)
    grey[1:3], grey[3:] = 256, 300  # both would be #010101
    Image.fromarray(grey).save(tmp_path / "grey.png")
    with pytest.raises(BadFile, match=r"mask '.*grey.png' has 16 bits per colour, .* save it wi"):
        read_mask(tmp_path / "grey.png")


def test_other_formats_are_refused(pixels, tmp_path):
    path = saved(pixels, tmp_path, "mask.png", format="JPEG")
    with pytest.raises(BadFile, match=r"mask '.*mask.png' is not a PNG, whose colours are exact"):
        read_mask(path)
    with pytest.raises(BadFile, match="does not exist"):
        read_mask(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("objects", "size", "words"),
    [
        (OBJECTS, (5, 7), r"has 5 x 7 pixels \(row x col\), its image 7 x 5; .* size of its image"),
        (
            OBJECTS | {"#00ff00": "cow"},
            SIZE,
            (
                "object '#00ff00=cow' is empty: no pixel of mask 'm.png' .* "
                r"found: #000000 \(26 pixels\), #0000ff \(1 pixel\), #c81e0a \(8 pixels\)"
            ),
        ),
        (
            {"#c81e0a": "ant"},
            SIZE,
            (
                r"mask 'm.png' has colours of no object: #0000ff \(1 pixel\); list them, or paint "
                r"them black \(#000000\)"
            ),
        ),
    ],
)
def test_what_does_not_fit_is_told(pixels, tmp_path, objects, size, words):
    mask = read_mask(saved(pixels, tmp_path))
    with pytest.raises(BadFile, match=words):
        check_mask(mask.size, colours_of(mask), objects, size, "m.png")


def test_smoothed_edges_are_told_with_their_first_colours(tmp_path):
    smooth = np.linspace(0, 255, 35).reshape(5, 7, 1).repeat(3, 2).astype(np.uint8)
    mask = read_mask(saved(smooth, tmp_path))
    words = r"has colours of no object: #070707 \(1 pixel\), .* and 28 more; list them"
    with pytest.raises(BadFile, match=words):
        check_mask(mask.size, colours_of(mask), {"#ffffff": "ant"}, SIZE, "m.png")


def test_a_photograph_is_no_mask(rng, tmp_path):
    noise = rng.integers(0, 256, (20, 20, 3), np.uint8)
    with pytest.raises(
        BadFile, match=r"mask '.*mask.png' has more than 256 colours; a mask has one"
    ):
        read_mask(saved(noise, tmp_path))
