"""Scaling and cropping an image to the size that a network reads."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from blockscope.io.errors import BadFile
from blockscope.io.images import MOST_PIXELS, Pixels

SAMPLED: Final = "bilinear_sampled"
_FILTERS: Final = {name.lower(): kind for name, kind in Image.Resampling.__members__.items()}


def fit(
    image: Image.Image,
    size: tuple[int, int],
    resize: str | int = "crop",
    filter: str = "lanczos",  # noqa: A002 - the key's name
    name: str | os.PathLike[str] = "image",
) -> Pixels:
    """Scale and crop an image to ``size``, as uint8 (row, col, rgb).

    Parameters
    ----------
    image
        The image. One of that size passes through unchanged, except where ``resize`` is a number.
    size
        Rows and columns.
    resize
        ``crop``: scaled until it just covers the size, then cropped around its centre.
        ``squash``: scaled to the size, whatever its shape.
        A number: its shorter side is scaled to that, then it is cropped around its centre, with the
        roundings of torchvision's ``Resize`` and ``CenterCrop``.
    filter
        Filter of the scaling: one of Pillow's, or ``bilinear_sampled``, TensorFlow's ``bilinear``.
    name
        The image, in messages.

    Returns
    -------
    pixels
        The image.

    Raises
    ------
    BadFile
        It is so long that it would have more than 100 megapixels before it is cropped.
    """
    rows, cols = size
    if isinstance(resize, int):
        scaled = _shorter_side(image.size, resize)
        _check_scaled(name, image.size, scaled, resize)
        image = _centre(_scaled(image, scaled, filter), rows, cols)
    elif image.size != (cols, rows):
        if resize == "squash":
            image = _scaled(image, (cols, rows), filter)
        elif filter == SAMPLED:
            image = _scaled(image.crop(covered(image.size, rows, cols)), (cols, rows), filter)
        else:
            image = ImageOps.fit(image, (cols, rows), _FILTERS[filter])
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _shorter_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return columns and rows of an image of ``size`` whose shorter side becomes ``side``."""
    cols, rows = size
    if cols <= rows:
        return side, int(side * rows / cols)
    return int(side * cols / rows), side


def _check_scaled(
    name: str | os.PathLike[str], size: tuple[int, int], scaled: tuple[int, int], resize: int
) -> None:
    if scaled[0] * scaled[1] > MOST_PIXELS:
        raise BadFile(
            f"image '{name}' has {size[1]} x {size[0]} pixels, and would have {scaled[1]} x "
            f"{scaled[0]}, more than {MOST_PIXELS:,}, once its shorter side is scaled (models "
            f"catalogue: resize: {resize}); crop it first"
        )


def _scaled(image: Image.Image, size: tuple[int, int], filter: str) -> Image.Image:  # noqa: A002
    if image.size == size:
        return image
    if filter == SAMPLED:
        pixels = np.asarray(image.convert("RGB"), dtype=np.float64)
        for axis, count in enumerate(reversed(size)):
            pixels = _sampled(pixels, count, axis)
        return Image.fromarray(np.rint(pixels).astype(np.uint8))
    return image.resize(size, _FILTERS[filter])


def _sampled(pixels: npt.NDArray[np.float64], count: int, axis: int) -> npt.NDArray[np.float64]:
    """Interpolate along an axis between the two nearest pixels, whose centres are at 0.5."""
    last = pixels.shape[axis] - 1
    places = (np.arange(count) + 0.5) * ((last + 1) / count) - 0.5
    before = np.floor(places).astype(int)
    shape = [1, 1, 1]
    shape[axis] = count
    share = (places - before).reshape(shape)
    low, high = (pixels.take(np.clip(at, 0, last), axis) for at in (before, before + 1))
    return np.asarray(low + (high - low) * share)


def _centre(image: Image.Image, rows: int, cols: int) -> Image.Image:
    left, top = round((image.size[0] - cols) / 2), round((image.size[1] - rows) / 2)
    return image.crop((left, top, left + cols, top + rows))


def covered(size: tuple[int, int], rows: int, cols: int) -> tuple[int, int, int, int]:
    """Return the largest part of an image around its centre that has the shape of a size."""
    factor = min(size[0] / cols, size[1] / rows)
    width, height = max(round(factor * cols), 1), max(round(factor * rows), 1)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height
