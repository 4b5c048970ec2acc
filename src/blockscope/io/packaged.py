"""Files that come with the package: the embedded network and the sample scenes."""

from __future__ import annotations

import os
from pathlib import Path

from blockscope.io.contained_paths import files_below, inside
from blockscope.io.errors import BadFile, describe_valid

SCHEME = "blockscope:"
FOLDER = Path(__file__).parents[1] / "resources"


def named(path: str | os.PathLike[str]) -> str:
    """Return how settings name a file: one of the package wherever it is installed."""
    place = Path(path).resolve()
    if place.is_relative_to(FOLDER.resolve()):
        return f"{SCHEME}{place.relative_to(FOLDER.resolve()).as_posix()}"
    return str(path)


def located(path: str) -> str:
    """Return where a file is that a config or a table names: of the package, or the user's own.

    A file of the package is named as in ``blockscope:scenes/two.png``, so that settings hold
    wherever the package is installed. Raises ``BadFile`` for one that it does not have.
    """
    if not path.startswith(SCHEME):
        return path
    name = path.removeprefix(SCHEME)
    valid = [str(file.relative_to(FOLDER)) for file in files_below(FOLDER)]
    if name not in valid:
        raise BadFile(
            f"'{path}': no file '{name}' comes with the package ({describe_valid(name, valid)}); a "
            f"file of your own is given without '{SCHEME}'"
        )
    place = inside(FOLDER, name)
    here = Path.cwd()
    # Relative where it can be: Snakemake repeats what is made of a file of another path.
    return str(place.relative_to(here) if place.is_relative_to(here) else place)
