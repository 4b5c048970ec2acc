"""Checks of the masks in the table of images: their pixels, and the labels of their objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from blockscope.config.error_list import ErrorList
from blockscope.config.file_cache import FileCache
from blockscope.config.settings import ImageRow
from blockscope.config.user_files import FACT
from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.io.images import read_image
from blockscope.io.masks import check_mask, colours_of, fit_mask, outside, read_mask
from blockscope.models.card import ModelCard


def check_image_mask(row: ImageRow, place: str, file_facts: FileCache, problems: ErrorList) -> bool:
    """Check a mask against its image and objects; tells whether it is sound."""
    try:
        mask = Path(row.mask_file)
        if not mask.is_file():
            raise BadFile(f"mask '{row.mask}' does not exist (looked in {Path.cwd()})")
        size, colours = json.loads(file_facts.get("mask", mask, _size_and_colours))
        file_facts.get(FACT, mask, sha256_of)  # the workflow asks for it
        image_size = json.loads(file_facts.get("size", Path(row.file), _size))
        check_mask(size, colours, row.objects, image_size, row.mask)
    except (BlockscopeError, OSError) as error:
        problems.add(f"{place}, column mask", str(error))
        return False
    return True


def check_objects(
    row: ImageRow,
    place: str,
    card: ModelCard,
    find_label: Callable[[str], str],
    file_facts: FileCache,
    problems: ErrorList,
) -> None:
    """Check that a network has the labels of a mask's objects, and sees all of them.

    ``find_label`` says what is wrong with a label, or nothing.
    """
    spec = card.input

    def fitted_colours(path: Path) -> str:
        pixels = fit_mask(read_mask(path), spec.size, spec.resize, spec.filter)
        return json.dumps(colours_of(Image.fromarray(pixels)))

    key = f"mask at {spec.size} {spec.resize} {spec.filter}"
    seen = json.loads(file_facts.get(key, Path(row.mask_file), fitted_colours))
    where = f"{place}, column objects"
    for colour, label in row.objects.items():
        problem = find_label(label)
        if problem:
            problems.add(where, f"{problem}; model '{card.model}' reads this image in a run")
        elif colour not in seen:
            problems.add(where, outside(row.mask, colour, label, card.model))


def _size_and_colours(path: Path) -> str:
    mask = read_mask(path)
    return json.dumps([mask.size, colours_of(mask)])


def _size(path: Path) -> str:
    return json.dumps(read_image(path).size)
