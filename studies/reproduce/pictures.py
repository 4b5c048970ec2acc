"""The pictures that the published numbers are about, which are not part of the project."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blockscope.config.error_list import ErrorList
from blockscope.config.settings import ImageRow
from blockscope.config.tables import read_table
from blockscope.io.errors import unknown_name
from blockscope.io.images import Pixels, fit, read_image
from studies.reproduce.published import PICTURES

FOLDER = "BLOCKSCOPE_PICTURES"  # environment variable: a folder of pictures put there by hand
TABLE = Path("config/inceptionv1/images.tsv")


@dataclass(frozen=True)
class Picture:
    """A picture as the network sees it, uint8 (row, col, rgb); None where its file is missing."""

    path: Path
    pixels: Pixels | None
    note: str


def picture_paths(
    images: Iterable[str], folder: str | os.PathLike[str] | None, table: Path = TABLE
) -> dict[str, Path]:
    """Return where the pictures of images should lie.

    That is the path in the table of images, or its name in ``folder``, or in the folder that the
    environment variable ``BLOCKSCOPE_PICTURES`` names. Raises ``BadConfig`` for a table with
    mistakes, ``UnknownName`` for an image that it lacks.
    """
    problems = ErrorList()
    rows = read_table(table, ImageRow, problems) or []
    parsed = [problems.parse(ImageRow, row.cells, f"{table}, line {row.line}") for row in rows]
    problems.raise_if_any()
    listed = {row.image: Path(row.path) for row in parsed if row}
    chosen = folder or os.environ.get(FOLDER)
    found = {}
    for image in images:
        if image not in listed:
            raise unknown_name("image", image, listed, str(table))
        found[image] = Path(chosen).expanduser() / listed[image].name if chosen else listed[image]
    return found


def read_pictures(paths: Mapping[str, Path], size: tuple[int, int]) -> dict[str, Picture]:
    """Read pictures and fit them to ``size`` (row, col), as the workflow does; none is required.

    Raises ``BadFile`` for a file that is there and is no picture.
    """
    return {image: _read(image, path, size) for image, path in paths.items()}


def _read(image: str, path: Path, size: tuple[int, int]) -> Picture:
    known = PICTURES.get(image)
    wanted = f"{known.size:,} bytes, MD5 {known.checksum}" if known else "checksum not known"
    if not path.is_file():
        return Picture(path, None, f"put the notebooks' {path.name} ({wanted}) at '{path}'")
    original = read_image(path)
    notes = []
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if known is None:
        notes.append("the notebooks' file is not known by its checksum; pixels may differ")
    elif found != known.checksum:
        notes.append(f"not the notebooks' file ({wanted}; found {found}); pixels may differ")
    if original.size != size[::-1]:
        cols, rows = original.size
        notes.append(f"scaled from {rows} x {cols} to {size[0]} x {size[1]} pixels")
    return Picture(path, fit(original, size), "; ".join(notes) or "the notebooks' file")
