"""The images of the published numbers, which are not part of the project."""

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
from blockscope.io.images import Pixels, read_image
from blockscope.io.resizing import fit
from studies.reproduce.published import IMAGES

FOLDER = "BLOCKSCOPE_IMAGES"  # environment variable: your folder of images
TABLE = Path("config/inceptionv1/images.tsv")


@dataclass(frozen=True)
class NotebookImage:
    """An image as the network sees it, (row, col, rgb); no pixels if its file is missing."""

    path: Path
    pixels: Pixels | None
    note: str


def image_paths(
    images: Iterable[str], folder: str | os.PathLike[str] | None, table: Path = TABLE
) -> dict[str, Path]:
    """Return where images are expected: their file name in a folder, or the path in the table.

    Parameters
    ----------
    images
        Names in the table.
    folder
        Folder of the files; by default the environment variable ``BLOCKSCOPE_IMAGES``.
    table
        The table of images.

    Returns
    -------
    Path of each image; the file may be missing.

    Raises
    ------
    BadConfig
        If the table has errors.
    UnknownName
        If it lacks an image.
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


def read_images(paths: Mapping[str, Path], size: tuple[int, int]) -> dict[str, NotebookImage]:
    """Read images and fit them to ``size`` (row, col), as the workflow does; any may be missing.

    Raises ``BadFile`` for a file that is not an image.
    """
    return {image: _read(image, path, size) for image, path in paths.items()}


def _read(image: str, path: Path, size: tuple[int, int]) -> NotebookImage:
    known = IMAGES.get(image)
    wanted = f"{known.size:,} bytes, MD5 {known.checksum}" if known else "checksum not known"
    if not path.is_file():
        return NotebookImage(path, None, f"put the notebooks' {path.name} ({wanted}) at '{path}'")
    original = read_image(path)
    notes = []
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if known is None:
        notes.append("the checksum of the notebooks' file is unknown; pixels may differ")
    elif found != known.checksum:
        notes.append(f"not the notebooks' file ({wanted}; found {found}); pixels may differ")
    if original.size != size[::-1]:
        cols, rows = original.size
        notes.append(f"scaled from {rows} x {cols} to {size[0]} x {size[1]} pixels")
    return NotebookImage(path, fit(original, size), "; ".join(notes) or "the notebooks' file")
