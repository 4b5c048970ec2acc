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
    root = os.fspath(folder)
    path = Path(root, *names)
    parts = [part for name in names for part in name.split("/") if part not in {"", "."}]
    if not parts or ".." in parts or any(name.startswith("/") or "\0" in name for name in names):
        raise BadFile(f"'{path!s}' is not inside '{root}'")
    place = root
    for part in parts:
        place = os.path.join(place, part)
        if os.path.islink(place):
            _check_link(Path(root), path)
    return path


def _check_link(root: Path, path: Path) -> None:
    try:
        home, place = root.resolve(), path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise BadFile(f"'{path}' leads nowhere: {error}") from error
    if place == home or not place.is_relative_to(home):
        raise BadFile(
            f"'{path}' leads to '{place}', which is not inside '{home}'; a symbolic link below the "
            "folder must not lead out of it (the folder itself may be a link)"
        )


def files_below(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the files of a folder that is only read, sorted.

    A file may be a link to a file anywhere, as in a store that names files by their content. Raises
    ``BadFile`` where a link leads out of the folder to anything else, such as another folder.
    """
    for member in sorted(Path(folder).rglob("*")):
        if member.is_file():
            yield member
        elif member.is_symlink():
            try:
                inside(folder, *member.relative_to(folder).parts)
            except BadFile as error:
                advice = "link single files, or copy the folder with its links followed (cp -rL)"
                raise BadFile(f"{error}; {advice}") from error
