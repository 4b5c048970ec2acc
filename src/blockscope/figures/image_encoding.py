"""Images and maps over them: enlarging, blending, encoding."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from blockscope.figures.arrays import Pixels

MOST_PIXELS = 2400  # of an embedded image's side: finer than any print shows
MM_PER_INCH = 25.4
MOST_EXACT = 200_000  # characters of an image that a page holds several times


def enlarge(pixels: Pixels, size: tuple[int, int], smooth: bool) -> Pixels:
    """Enlarge an image to ``size`` (row, col): squares of one colour, or interpolated.

    Every source cell covers the same area, so that a map of any grid lies over the whole input.
    """
    rows, cols = size
    method = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize((cols, rows), method))


def blended(
    pixels: Pixels, overlay: Pixels, size: tuple[int, int], opacity: float, interpolate: bool
) -> Pixels:
    """Lay a layer's map over the input.

    Parameters
    ----------
    pixels
        The input.
    overlay
        The map, one entry per position of the layer.
    size
        (row, col) of the result.
    opacity
        Share of the overlay, 0 to 1.
    interpolate
        Blend neighbouring positions of the layer instead of showing each as a rectangle.

    Returns
    -------
    Pixels
        Input and map together.
    """
    below = enlarge(pixels, size, smooth=True).astype(np.float64)
    above = enlarge(overlay, size, interpolate).astype(np.float64)
    return np.rint((1 - opacity) * below + opacity * above).astype(np.uint8)


def printed_size(width: float, pixels: Pixels, dpi: int) -> tuple[int, int]:
    """Return the pixels (row, col) that an image has when printed ``width`` mm wide."""
    rows, cols, _ = pixels.shape
    across = min(MOST_PIXELS, max(1, round(width / MM_PER_INCH * dpi)))
    return max(1, round(across * rows / cols)), across


def image_uri(pixels: Pixels) -> str:
    """Encode an input for a page: PNG, or WebP of high quality where that would be large."""
    exact = png_uri(pixels)
    if len(exact) <= MOST_EXACT:
        return exact
    return webp_uri(pixels, quality=90)


def webp_uri(pixels: Pixels, quality: int) -> str:
    """Encode an image as a WebP of a quality up to 100 in a data: address."""
    with io.BytesIO() as buffer:
        Image.fromarray(pixels).save(buffer, format="WEBP", quality=quality, method=4)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def png_uri(pixels: Pixels) -> str:
    """Encode an image as a PNG in a data: address, for pages without other files."""
    with io.BytesIO() as buffer:
        Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
