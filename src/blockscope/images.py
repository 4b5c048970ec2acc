"""Pictures: from any common file to the RGB pixels that a network sees."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from blockscope import provenance
from blockscope.errors import BadFile
from blockscope.files import written_whole

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
MOST_PIXELS = 100_000_000  # a 100 megapixel photograph is read, a decompression bomb is not
Pixels = npt.NDArray[np.uint8]


def read_picture(
    path: str | os.PathLike[str], background: tuple[int, int, int] = (255, 255, 255)
) -> Image.Image:
    """Read a picture as 8 bit RGB, upright.

    PNG, JPEG, WebP, TIFF and BMP are read; grey, palette, CMYK and 16 bit pictures are converted; EXIF
    orientation is applied; transparent pixels show ``background`` (0..255 RGB). Of several frames the
    first one counts.

    Raises ``BadFile`` naming the file where it is missing, broken, of another kind, or larger than
    100 megapixels.
    """
    source = Path(path)
    if not source.is_file():
        raise BadFile(f"image file '{source}' does not exist")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit below
            with Image.open(source, formats=FORMATS) as picture:
                _check_size(source, picture.size)
                picture.load()
                return _to_rgb(ImageOps.exif_transpose(picture), background)
    except UnidentifiedImageError as error:
        raise BadFile(
            f"image file '{source}' is not a picture in a known format; valid: {', '.join(FORMATS)}"
        ) from error
    except Image.DecompressionBombError as error:
        raise BadFile(f"image file '{source}' is too large: {error}; scale it down first") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"image file '{source}' is broken: {error}") from error


def check_picture(path: str | os.PathLike[str]) -> None:
    """Read a picture only as far as needed to know that it is one; raises as ``read_picture``."""
    read_picture(path)


def _check_size(source: Path, size: tuple[int, int]) -> None:
    columns, rows = size
    if rows * columns > MOST_PIXELS:
        raise BadFile(
            f"image file '{source}' has {rows} x {columns} pixels, more than {MOST_PIXELS:,}; "
            "scale it down first"
        )


def _to_rgb(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture)
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        front = picture.convert("RGBA")
        back = Image.new("RGBA", front.size, (*background, 255))
        return Image.alpha_composite(back, front).convert("RGB")
    return picture.convert("RGB")


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Map a picture of 16 bit (or float 0..1) grey values to 8 bit; Pillow alone would clip them."""
    values = np.asarray(picture, dtype=np.float64)
    if picture.mode.startswith("F"):
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
            raise ValueError("float pixels outside 0..1 have no agreed brightness")
        scale = 255.0
    else:
        scale = 255 / 65535
    return Image.fromarray(np.clip(np.round(values * scale), 0, 255).astype(np.uint8), "L")


def fit(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """Scale and crop a picture to ``size`` = (row, col), as uint8 (row, col, rgb).

    The picture is scaled until it just covers the size, then cropped around its centre; for a square
    size that is: shorter side to size, centre crop. A picture of that size passes through unchanged.
    """
    rows, columns = size
    if picture.size != (columns, rows):
        picture = ImageOps.fit(picture, (columns, rows), Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.uint8)


def write_png(
    path: str | os.PathLike[str], pixels: Pixels, facts: provenance.Facts
) -> None:
    """Write uint8 (row, col, rgb) as a PNG that records where it comes from."""
    text = PngImagePlugin.PngInfo()
    text.add_text(provenance.KEY, json.dumps(facts))
    with written_whole(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=text)


def read_input(path: str | os.PathLike[str]) -> tuple[Pixels, provenance.Facts]:
    """Read back what ``write_png`` wrote: pixels uint8 (row, col, rgb) and where they come from."""
    facts = provenance.of(path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8), facts
