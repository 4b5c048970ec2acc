"""Checks of the masks in the table of images: their pixels, and the labels of their objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from blockscope.config.error_list import ErrorList
from blockscope.config.settings import ImageRow
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.io.images import read_image
from blockscope.io.masks import check_mask, object_pixels, outside, read_mask
from blockscope.io.resizing import fit
from blockscope.models.card import ModelCard


def check_image_mask(row: ImageRow, place: str, problems: ErrorList) -> Image.Image | None:
    """Check a mask against its image and objects; returns it, or None where it has a mistake."""
    try:
        if not Path(row.mask).is_file():
            raise BadFile(f"mask '{row.mask}' does not exist (looked in {Path.cwd()})")
        mask = read_mask(row.mask)
        check_mask(mask, row.objects, read_image(row.path).size, row.mask)
    except (BlockscopeError, OSError) as error:
        problems.add(f"{place}, column mask", str(error))
        return None
    return mask


def check_objects(
    mask: Image.Image,
    row: ImageRow,
    place: str,
    card: ModelCard,
    find_label: Callable[[str], str],
    problems: ErrorList,
) -> None:
    """Check that a network has the labels of a mask's objects, and sees all of them.

    ``find_label`` says what is wrong with a label, or nothing.
    """
    spec = card.input
    pixels = fit(mask, spec.size, spec.resize, "nearest")
    where = f"{place}, column objects"
    for colour, label in row.objects.items():
        problem = find_label(label)
        if problem:
            problems.add(where, f"{problem}; model '{card.model}' reads this image in a run")
        elif not object_pixels(pixels, colour).any():
            problems.add(where, outside(row.mask, colour, label, card.model))
