"""Images at the size of a network: each rule against the library whose rule it is."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from blockscope.io.errors import BadFile
from blockscope.io.resizing import fit

SIZE = (10, 14)


def photo(rows: int, cols: int) -> Image.Image:
    """Return an image without symmetry: noise over slopes."""
    noise = np.random.default_rng(rows).integers(0, 60, (rows, cols, 3))
    slopes = np.arange(rows)[:, None, None] + 2 * np.arange(cols)[None, :, None]
    return Image.fromarray(((slopes * [1, 2, 3] + noise) % 256).astype(np.uint8))


@pytest.mark.parametrize("shape", [(41, 33), (33, 41), (31, 57), (20, 20), (9, 11)])
def test_a_shorter_side_and_a_crop_are_those_of_torchvision(shape) -> None:
    """Restated from the documented functions ``Resize`` and ``CenterCrop`` of torchvision."""
    rows, cols = shape
    short, long = min(shape), max(shape)
    scaled = int(16 * long / short)
    size = (16, scaled) if cols <= rows else (scaled, 16)  # columns, rows
    expected = np.asarray(photo(*shape).resize(size, Image.Resampling.BILINEAR))
    top, left = (round((side - crop) / 2.0) for side, crop in zip(size[::-1], SIZE, strict=True))
    expected = expected[top : top + SIZE[0], left : left + SIZE[1]]
    np.testing.assert_array_equal(fit(photo(*shape), SIZE, 16, "bilinear"), expected)


def test_an_image_of_the_size_is_still_scaled_to_a_shorter_side() -> None:
    image = photo(*SIZE)
    assert (fit(image, SIZE, 16) != np.asarray(image)).any()
    np.testing.assert_array_equal(fit(image, SIZE, "squash"), image)
    np.testing.assert_array_equal(fit(image, SIZE), image)


@pytest.mark.parametrize("kind", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_squash_is_the_resize_of_pillow(kind) -> None:
    image = photo(41, 33)
    expected = image.resize(SIZE[::-1], Image.Resampling[kind.upper()])
    np.testing.assert_array_equal(fit(image, SIZE, "squash", kind), expected)


@pytest.mark.parametrize("shape", [(41, 33), (23, 57), (7, 9)])
def test_bilinear_sampled_is_the_resize_of_tensorflow(shape) -> None:
    image = photo(*shape)
    expected = tf.image.resize(np.asarray(image), SIZE).numpy()
    found = fit(image, SIZE, "squash", "bilinear_sampled")
    np.testing.assert_allclose(found, expected, atol=0.501)  # of 255: rounded


def test_crop_covers_the_size_from_the_centre() -> None:
    image = photo(40, 28)  # of twice the size, 20 rows remain of 40
    half = np.asarray(image)[10:30].reshape(10, 2, 14, 2, 3).mean((1, 3))
    found = fit(image, SIZE, "crop", "box")
    np.testing.assert_allclose(found, half, atol=1)  # Pillow rounds twice
    sampled = fit(image, SIZE, "crop", "bilinear_sampled")
    np.testing.assert_allclose(sampled, half, atol=0.501)


@pytest.mark.parametrize("size", [(100, 300), (300, 100)])
@pytest.mark.parametrize("pixels", [(1, 1), (1, 7), (7, 1)])
def test_of_the_smallest_images_something_is_left(
    size: tuple[int, int], pixels: tuple[int, int]
) -> None:
    for resize, kind in (("crop", "bilinear_sampled"), ("crop", "lanczos"), (32, "bilinear")):
        seen = fit(Image.new("RGB", pixels, (9, 8, 7)), size, resize, kind)
        assert seen.shape == (*size, 3)
        if resize == "crop":
            assert (seen == (9, 8, 7)).all()


@pytest.mark.parametrize("pixels", [(2, 60_000), (60_000, 2)])
def test_a_strip_that_would_fill_the_memory_is_refused(pixels: tuple[int, int]) -> None:
    strip = Image.new("RGB", pixels)
    with pytest.raises(BadFile, match=r"'strip.png' .* more than 100,000,000, .* resize: 256"):
        fit(strip, (224, 224), 256, "bilinear", "strip.png")
    assert fit(strip, (224, 224), "crop").shape == (224, 224, 3)
