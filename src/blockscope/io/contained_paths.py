"""Paths below a folder that cannot leave it, whatever a config or a symbolic link says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from blockscope.io.errors import BadFile


def inside(folder: str | os.PathLike[str], *names: str) -> Path:
    """Return the path of ``names`` below ``folder``; raises ``BadFile`` where it leads out of it.

    The folder itself may be a symbolic link to anywhere. A link below it may lead elsewhere in the
    folder only, and the folder itself is no path below it.
    """
    root = Path(folder)
    path = root.joinpath(*names)
    home = _resolved(root)
    place = _resolved(path)
    if place != home and place.is_relative_to(home) and ".." not in path.parts[len(root.parts) :]:
        return path
    found = f"leads to '{place}', which is not inside '{home}'"
    if path.absolute() != place:
        found += (
            "; a symbolic link below the folder must not lead out of it (the folder itself may be "
            "a link)"
        )
    raise BadFile(f"'{path}' {found}")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or no path at all
        raise BadFile(f"'{path}' is not a path: {error}") from error


def files_below(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the files of a folder, sorted; raises ``BadFile`` where one of them is elsewhere."""
    for member in sorted(Path(folder).rglob("*")):
        if member.is_symlink():
            try:
                inside(folder, *member.relative_to(folder).parts)
            except BadFile as error:
                advice = "copy the folder with its links followed (cp -rL)"
                raise BadFile(f"{error}; {advice}") from error
        if member.is_file():
            yield member
