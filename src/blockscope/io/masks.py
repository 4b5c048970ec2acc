"""Masks: which pixels of an image belong to which object, as a PNG of one colour per object.

Black is the background; every other colour stands for an object, and is listed with its label.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from blockscope.io.atomic_files import require_file
from blockscope.io.errors import BadFile
from blockscope.io.images import read_image

BACKGROUND = "#000000"
COLOUR = re.compile("#[0-9a-f]{6}")
MOST_COLOURS = 5  # that a message lists

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def read_mask(path: str | os.PathLike[str]) -> Image.Image:
    """Read a mask as RGB; what is transparent is background.

    Raises ``BadFile`` where it is no PNG: other formats do not keep colours exactly.
    """
    source = require_file(path, "mask")
    with open(source, "rb") as handle:
        start = handle.read(8)
    if start != b"\x89PNG\r\n\x1a\n":
        raise BadFile(
            f"mask '{source}' is not a PNG, whose colours are exact; save it as PNG, one "
            "colour per object"
        )
    return read_image(source, background=(0, 0, 0))


def check_mask(
    mask: Image.Image, objects: Mapping[str, str], size: tuple[int, int], path: str | Path
) -> None:
    """Refuse a mask of another size than its image, or of other colours than its objects.

    ``objects``: label by colour, ``#rrggbb``; ``size``: columns and rows of the image. Raises
    ``BadFile``.
    """
    if mask.size != size:
        raise BadFile(
            f"mask '{path}' has {mask.height} x {mask.width} pixels (row x col), its image "
            f"{size[1]} x {size[0]}; a mask needs the size of its image"
        )
    found = colours_of(np.asarray(mask))
    for colour, label in objects.items():
        if colour not in found:
            raise BadFile(
                f"object '{colour}={label}' is empty: no pixel of mask '{path}' has this colour; "
                f"found: {_listed(found)}"
            )
    unknown = {colour: n for colour, n in found.items() if colour not in {*objects, BACKGROUND}}
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


def colours_of(pixels: Pixels) -> dict[str, int]:
    """Return the colours of a mask (row, col, rgb), with their numbers of pixels."""
    numbers = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, counts = np.unique(numbers, return_counts=True)
    return {f"#{v:06x}": int(n) for v, n in zip(values.tolist(), counts, strict=True)}


def _listed(colours: Mapping[str, int]) -> str:
    shown = [f"{colour} ({n} pixels)" for colour, n in list(colours.items())[:MOST_COLOURS]]
    more = len(colours) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
