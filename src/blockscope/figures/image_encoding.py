"""Pictures of factors laid over the input: enlarging, blending, encoding."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

MOST_PIXELS = 2400  # of an embedded picture's side: finer than any print shows
MM_PER_INCH = 25.4
MOST_EXACT = 200_000  # characters of a picture that a page holds several times


def enlarge(picture: Picture, size: tuple[int, int], smooth: bool) -> Picture:
    """Enlarge uint8 (row, col, rgb) to ``size`` (row, col): squares of one colour, or blended.

    Every source cell covers the same area, so that a map of any grid lies over the whole input.
    """
    rows, cols = size
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((cols, rows), method))


def laid_over(
    picture: Picture, overlay: Picture, size: tuple[int, int], opacity: float, smooth: bool
) -> Picture:
    """Lay the picture of a layer's factors over the input.

    picture   uint8 (row, col, rgb), the input
    overlay   uint8 (row, col, rgb), one entry per position of the layer
    size      (row, col) of the result
    opacity   share of the overlay, 0 to 1
    smooth    blend neighbouring positions of the layer instead of showing each as a rectangle
    """
    below = enlarge(picture, size, smooth=True).astype(np.float64)
    above = enlarge(overlay, size, smooth).astype(np.float64)
    return np.rint((1 - opacity) * below + opacity * above).astype(np.uint8)


def printed_size(width: float, picture: Picture, dpi: int) -> tuple[int, int]:
    """Return the pixels (row, col) that a picture has when printed ``width`` mm wide."""
    rows, cols, _ = picture.shape
    pixels = min(MOST_PIXELS, max(1, round(width / MM_PER_INCH * dpi)))
    return max(1, round(pixels * rows / cols)), pixels


def picture_uri(picture: Picture) -> str:
    """Encode an input for a page: PNG, or WebP of high quality where that would be large."""
    exact = png_uri(picture)
    if len(exact) <= MOST_EXACT:
        return exact
    return webp_uri(picture, quality=90)


def webp_uri(picture: Picture, quality: int) -> str:
    """Encode uint8 (row, col, rgb) as a WebP of a quality up to 100 in a data: address."""
    with io.BytesIO() as buffer:
        Image.fromarray(picture).save(buffer, format="WEBP", quality=quality, method=4)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def png_uri(picture: Picture) -> str:
    """Encode uint8 (row, col, rgb) as a PNG in a data: address, for pages without other files."""
    with io.BytesIO() as buffer:
        Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
