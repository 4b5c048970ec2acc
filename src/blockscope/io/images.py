"""Images: from any common file to the RGB pixels that a network sees."""

from __future__ import annotations

import json
import os
import struct
import threading
import warnings
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write, require_file
from blockscope.io.checksums import KEY, check_digest, digest_of_pixels
from blockscope.io.errors import BadFile

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
MOST_PIXELS = 100_000_000  # a 100-megapixel photograph is read, a decompression bomb is not
Pixels = npt.NDArray[np.uint8]
Named = str | os.PathLike[str]  # for messages

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
# Pillow spreads packed greys over 0..255, but not the grey value that means transparent.
_GREY_STEPS = {"L;2": 85, "L;4": 17}


class _NoWarnings:
    """No warnings (pixels beyond our own limit, odd EXIF or TIFF tags) while any thread decodes.

    ``warnings.catch_warnings`` by itself knows one thread: what another one restores would stay.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.readers = 0
        self.caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self.lock:
            if self.readers == 0:
                self.caught = warnings.catch_warnings()
                self.caught.__enter__()
                warnings.simplefilter("ignore")
            self.readers += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.readers -= 1
            if self.readers == 0:
                self.caught.__exit__(None, None, None)


_no_warnings = _NoWarnings()


def read_image(
    path: str | os.PathLike[str], background: tuple[int, int, int] = (255, 255, 255)
) -> Image.Image:
    """Read an image as 8-bit RGB, upright.

    PNG, JPEG, WebP, TIFF and BMP are read, whatever the file is called; grey, palette, CMYK and
    16-bit images are converted; EXIF orientation is applied; only the first frame is used. Colour
    profiles are not applied: networks were trained on the numbers in the file.

    Parameters
    ----------
    path
        The file.
    background
        Colour (red, green, blue; 0 to 255) shown where the image is transparent.

    Returns
    -------
    image
        The image, mode ``RGB``.

    Raises
    ------
    BadFile
        The file is missing, damaged, of another kind, larger than 100 megapixels (found before
        a pixel is decoded), or has pixels of undefined brightness.
    """
    source = require_file(path, "image file")
    try:
        # Given a name, Pillow maps plain TIFFs into memory and then mixes up the turned ones.
        with open(source, "rb") as handle:
            return decode_image(handle, source, background)
    except OSError as error:
        raise BadFile(f"image file '{source}' cannot be read: {error.strerror or error}") from error


def decode_image(
    handle: BinaryIO, source: Named, background: tuple[int, int, int] = (255, 255, 255)
) -> Image.Image:
    """Read an image from an open file as `read_image` does; ``source`` is its name in messages."""
    try:
        with _no_warnings, Image.open(handle, formats=FORMATS) as image:
            _check_size(source, image.size)
            packing = _packing(image)
            image.load()
            return _to_rgb(source, image, packing, background)
    except BadFile:
        raise
    except UnidentifiedImageError as error:
        valid = ", ".join(FORMATS)
        raise BadFile(
            f"image file '{source}' is not in a known image format; valid: {valid}"
        ) from error
    except Image.DecompressionBombError as error:
        raise BadFile(f"image file '{source}': {error}; scale it down first") from error
    except Exception as error:  # decoders raise many kinds for a damaged file
        raise BadFile(f"image file '{source}' is damaged: {error}") from error


def check_image(path: str | os.PathLike[str]) -> None:
    """Check that an image can be read; raises like ``read_image``."""
    read_image(path)


def _check_size(source: Named, size: tuple[int, int]) -> None:
    columns, rows = size
    if rows * columns > MOST_PIXELS:
        raise BadFile(
            f"image file '{source}' has {rows} x {columns} pixels, more than {MOST_PIXELS:,}; "
            "scale it down first"
        )


def _packing(image: Image.Image) -> str:
    """Return how a PNG packs its samples ("L;4", "RGB;16B"), known only before loading."""
    if isinstance(image, PngImagePlugin.PngImageFile) and image.tile:
        return str(image.tile[0][3])
    return ""


def _to_rgb(
    source: Named, image: Image.Image, packing: str, background: tuple[int, int, int]
) -> Image.Image:
    key = image.info.get("transparency")
    if key is not None and packing == "RGB;16B":  # Pillow keeps only the upper 8 bits of colours
        raise _unclear(source, "has 16-bit colours, one of which means transparent")
    upright = _upright(image)
    if image.mode.startswith(("I", "F")):
        upright = _to_8_bit(source, upright, _white(source, image), key)
        if isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0:
            upright = ImageOps.invert(upright)  # Pillow inverts only 8-bit images
    elif packing in _GREY_STEPS and isinstance(key, int):
        upright.info["transparency"] = key * _GREY_STEPS[packing]
    if upright.has_transparency_data:
        front = upright.convert("RGBA")
        back = Image.new("RGBA", front.size, (*background, 255))
        return Image.alpha_composite(back, front).convert("RGB")
    return upright.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, struct.error):  # unreadable EXIF gives no orientation
        return image.copy()


def _to_8_bit(source: Named, image: Image.Image, white: float, key: int | None) -> Image.Image:
    """Map grey values 0..white to 8 bit, where Pillow would clip; ``key`` becomes transparent."""
    values = np.asarray(image, dtype=np.float64)
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= white):  # also where there is a NaN
        raise _unclear(source, f"has grey values of {low:g} to {high:g}, outside 0 to {white:g}")
    grey = Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8))
    if key is not None:
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _white(source: Named, image: Image.Image) -> float:
    """Return the value of white in a grey image of more than 8 bits."""
    if image.mode == "F":
        return 1.0
    if isinstance(image, TiffImageFile):
        if image.mode == "I":
            raise _unclear(source, "has signed or 32-bit grey values of unknown range")
        return float(2 ** image.tag_v2.get(_BITS_PER_SAMPLE, (16,))[0] - 1)
    return 65535.0


def _unclear(source: Named, found: str) -> BadFile:
    return BadFile(f"image file '{source}' {found}; save it with 8 bits per colour")


def write_png(path: str | os.PathLike[str], pixels: Pixels, facts: provenance.Facts) -> None:
    """Write uint8 (row, col, rgb or rgba) as a PNG with its provenance and a digest of both."""
    text = PngImagePlugin.PngInfo()
    text.add_text(provenance.KEY, json.dumps(facts))
    text.add_text(KEY, digest_of_pixels(pixels, facts))
    with atomic_write(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=text)


def read_png(path: str | os.PathLike[str]) -> tuple[Pixels, provenance.Facts]:
    """Read back what ``write_png`` wrote: pixels uint8 (row, col, rgb) and their provenance.

    They are on white where they were written with transparency. Raises ``BadFile`` where the file
    is missing, damaged or not made by blockscope.
    """
    image, facts = read_image(path), provenance.read(path)
    pixels = np.array(image, dtype=np.uint8)
    with Image.open(path, formats=["PNG"]) as source:
        stated = source.info.get(KEY)
        stored = np.array(source, dtype=np.uint8) if source.mode == "RGBA" else pixels
    check_digest(path, stated, digest_of_pixels(stored, facts))
    return pixels, facts
