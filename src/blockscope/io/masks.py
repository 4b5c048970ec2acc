"""Masks: which pixels of an image belong to which object, as a PNG of one colour per object.

Black is the background; every other colour stands for an object, and is listed with its label.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from blockscope.io.atomic_files import require_file
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.images import read_image
from blockscope.io.resizing import SAMPLED, covered, fit

BACKGROUND = "#000000"
MOST_COLOURS = 256
DEPTH_AT = 24  # the byte of a PNG that says how many bits a colour has
LISTED = 5  # colours in a message

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Size = tuple[int, int]


def read_mask(path: str | os.PathLike[str]) -> Image.Image:
    """Read a mask as RGB; what is transparent is background.

    Raises ``BadFile`` where it is no PNG, as other formats do not keep colours exactly, has 16 bits
    per colour, of which 8 would be lost, or more than ``MOST_COLOURS``.
    """
    source = require_file(path, "mask")
    with open(source, "rb") as handle:
        start = handle.read(DEPTH_AT + 1)
    if start[:8] != b"\x89PNG\r\n\x1a\n":
        raise BadFile(
            f"mask '{source}' is not a PNG, whose colours are exact; save it as PNG, one "
            "colour per object"
        )
    if start[DEPTH_AT:] == b"\x10":
        raise BadFile(
            f"mask '{source}' has 16 bits per colour, of which #rrggbb holds 8; save it with 8, "
            "one colour per object"
        )
    mask = read_image(source, background=(0, 0, 0))
    if mask.getcolors(MOST_COLOURS) is None:
        raise BadFile(
            f"mask '{source}' has more than {MOST_COLOURS} colours; a mask has one for each "
            "object, and edges that are not smoothed"
        )
    return mask


def fit_mask(mask: Image.Image, size: Size, resize: str | int, filter: str) -> Pixels:  # noqa: A002
    """Scale and crop a mask as ``fit`` does its image, so that every colour stays what it is.

    Each pixel has the colour of the nearest one. ``size``: rows and columns.
    """
    if resize == "crop" and filter == SAMPLED and mask.size != size[::-1]:
        mask, resize = mask.crop(covered(mask.size, *size)), "squash"  # to whole pixels, as there
    return fit(mask, size, resize, "nearest")


def check_mask(
    size: Size,
    colours: Mapping[str, int],
    objects: Mapping[str, str],
    image_size: Size,
    path: str | os.PathLike[str],
) -> None:
    """Refuse a mask of another size than its image, or of other colours than its objects.

    Parameters
    ----------
    size
        Columns and rows of the mask.
    colours
        Its colours, as `colours_of` returns them.
    objects
        Labels by colour, ``#rrggbb``.
    image_size
        Columns and rows of the image.
    path
        The mask's file, for messages.

    Raises
    ------
    BadFile
        Says what does not fit.
    """
    if tuple(size) != tuple(image_size):
        raise BadFile(
            f"mask '{path}' has {size[1]} x {size[0]} pixels (row x col), its image "
            f"{image_size[1]} x {image_size[0]}; a mask needs the size of its image"
        )
    for colour, label in objects.items():
        if colour not in colours:
            raise BadFile(
                f"object '{colour}={label}' is empty: no pixel of mask '{path}' has this colour; "
                f"found: {_listed(colours)}"
            )
    unknown = {colour: n for colour, n in colours.items() if colour not in {*objects, BACKGROUND}}
    if unknown:
        raise BadFile(
            f"mask '{path}' has colours of no object: {_listed(unknown)}; list them, or paint them "
            f"black ({BACKGROUND}), the background; edges must not be smoothed"
        )


def outside(path: str | os.PathLike[str], colour: str, label: str, model: str) -> str:
    """Say that an object is cut off where a network's input is cropped."""
    return (
        f"object '{colour}={label}' of mask '{path}' is outside of what model '{model}' sees of "
        "the image; leave it out of the objects and paint it black, or see the model's key "
        "input.resize"
    )


def object_pixels(pixels: Pixels, colour: str) -> Mask:
    """Return the pixels of one colour, ``#rrggbb``, of a mask (row, col, rgb)."""
    same: Mask = np.all(pixels == tuple(bytes.fromhex(colour[1:])), axis=-1)
    return same


def colours_of(mask: Image.Image) -> dict[str, int]:
    """Return the colours of a mask, ``#rrggbb``, with their numbers of pixels."""
    counted = mask.getcolors(MOST_COLOURS) or []
    of_rgb = ((np.asarray(colour, np.uint8).tobytes().hex(), count) for count, colour in counted)
    return {f"#{colour}": count for colour, count in sorted(of_rgb)}


def _listed(colours: Mapping[str, int]) -> str:
    shown = [f"{colour} ({counted(n, 'pixel')})" for colour, n in list(colours.items())[:LISTED]]
    more = len(colours) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
