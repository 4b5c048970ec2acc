"""Images in figures: vector files hold them in their own resolution, a PNG in that of its print."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.sheet_layout import any_style
from PIL import Image

from blockscope.figures.image_encoding import blended, enlarge
from blockscope.figures.print.export import write_sheet
from blockscope.figures.print.parts.layout import LEAST_PIXELS, Place, place_image, place_overlay
from blockscope.figures.print.parts.sheet import Sheet

WIDTH, HEIGHT = 50.8, 40.0  # mm


@pytest.fixture
def pixels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def _written(folder: Path, pixels: np.ndarray, dpi: int) -> dict[str, bytes]:
    sheet = Sheet(WIDTH, "title", height=HEIGHT)
    place_image(sheet, Place(0.0, 0.0, WIDTH), pixels)
    paths = {kind: folder / f"figure.{kind}" for kind in ("pdf", "svg", "png")}
    write_sheet(sheet, paths, {}, dpi)
    return {kind: path.read_bytes() for kind, path in paths.items()}


def test_vector_files_hold_an_image_as_it_is_whatever_the_dpi(tmp_path, pixels):
    fine, coarse = (_written(tmp_path, pixels, dpi) for dpi in (200, 100))
    assert fine["pdf"] == coarse["pdf"]
    assert fine["svg"] == coarse["svg"]
    (embedded,) = re.findall(rb"base64,\s*([^\"]+)\"", fine["svg"])
    found = Image.open(io.BytesIO(base64.b64decode(embedded))).convert("RGB")
    np.testing.assert_array_equal(np.asarray(found), pixels)
    sizes = [re.findall(rb"/%s (\d+)" % name, fine["pdf"]) for name in (b"Width", b"Height")]
    assert sizes == [[b"7"], [b"5"]]


def test_an_svg_leaves_it_to_the_browser_to_enlarge_images_smoothly(tmp_path, pixels):
    drawn = _written(tmp_path, pixels, 100)["svg"]
    assert re.findall(rb"image-rendering:[^;\"]*", drawn) == [b"image-rendering:auto"]


@pytest.mark.parametrize("dpi", [100, 200])
def test_a_png_holds_it_enlarged_smoothly_to_its_dpi(tmp_path, pixels, dpi):
    drawn = _written(tmp_path, pixels, dpi)["png"]
    found = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"))
    across = round(WIDTH / 25.4 * dpi)
    size = (round(across * 5 / 7), across)
    assert found.shape[1] == across
    wanted = enlarge(pixels, size, smooth=True).astype(int)
    inner = np.s_[2 : size[0] - 2, 2 : across - 2]  # an edge is shared with the paper
    # Rows of the paper are no whole rows of the image; squares of one colour are 100 apart.
    np.testing.assert_allclose(found[inner], wanted[inner], atol=25)


@pytest.mark.parametrize(("size", "times"), [((5, 7), 29), ((210, 140), 1), ((60, 101), 2)])
def test_a_map_has_the_resolution_of_its_input_or_a_multiple(rng, size, times):
    below = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    overlay = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    sheet, style = Sheet(WIDTH), any_style()
    place_overlay(sheet, Place(0.0, 0.0, WIDTH), below, overlay, style)
    ((_, shown),) = sheet.rasters
    expected = (times * size[0], times * size[1])
    assert max(expected) >= LEAST_PIXELS
    np.testing.assert_array_equal(
        shown, blended(below, overlay, expected, style.opacity, style.interpolate)
    )
