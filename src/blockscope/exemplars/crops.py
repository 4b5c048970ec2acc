"""The part of an image around a position of a layer: where it is, and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from blockscope.io.images import Pixels


@dataclass(frozen=True)
class Box:
    """A part of the network's input in pixels; ``bottom`` and ``right`` are the first outside.

    Where the box is longer than the image it reaches beyond both of its edges.
    """

    top: int
    left: int
    bottom: int
    right: int


def box_around(centre: tuple[float, float], side: int, image: tuple[int, int]) -> Box:
    """Return the square around a place, moved into the image as far as needed.

    Parameters
    ----------
    centre
        (row, col) in pixels.
    side
        Of the square, in pixels.
    image
        Its rows and columns. Along an axis in which it is shorter than the square it is in the
        middle.

    Returns
    -------
    box
        The square.
    """
    top, left = (_begin(at, side, most) for at, most in zip(centre, image, strict=True))
    return Box(top, left, top + side, left + side)


def _begin(centre: float, side: int, most: int) -> int:
    if side >= most:
        return -((side - most) // 2)
    return min(max(round(centre - side / 2), 0), most - side)


def tile_of(pixels: Pixels, box: Box, side: int, background: tuple[int, int, int]) -> Pixels:
    """Return what is in a box, scaled to a square of ``side`` pixels, (row, col, rgb).

    ``background`` is shown where the box reaches beyond the image.
    """
    part = _inside(box, pixels.shape)
    whole = np.empty((box.bottom - box.top, box.right - box.left, 3), np.uint8)
    whole[:] = background
    rows = slice(part.top - box.top, part.bottom - box.top)
    cols = slice(part.left - box.left, part.right - box.left)
    whole[rows, cols] = pixels[part.top : part.bottom, part.left : part.right]
    scaled = Image.fromarray(whole).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(scaled)


def share_inside(squared: npt.NDArray[np.float64], box: Box) -> float:
    """Return which share of a sum over the pixels (row, col) of an image is in a box."""
    part = _inside(box, squared.shape)
    inside = squared[part.top : part.bottom, part.left : part.right].sum()
    return float(inside / squared.sum())


def _inside(box: Box, shape: tuple[int, ...]) -> Box:
    return Box(
        max(box.top, 0), max(box.left, 0), min(box.bottom, shape[0]), min(box.right, shape[1])
    )
