"""The images of a folder and those below it."""

from __future__ import annotations

import os
import stat
from collections import Counter

from blockscope.io.contained_paths import inside
from blockscope.io.errors import BadFile
from blockscope.io.image_sets.listing import (
    Listing,
    check_text,
    digest_of,
    reason_to_ignore,
    shown,
    stamp,
)


def list_folder(folder: str) -> Listing:
    """List the images of a folder and all below it; about 10 s and 500 MB for a million.

    A file may be a link to a file anywhere. Raises ``BadFile`` where a link leads nowhere or to a
    folder elsewhere, or a folder cannot be read.
    """
    found: list[tuple[str, str]] = []
    ignored: Counter[str] = Counter()
    lost: list[str] = []
    waiting = [""]
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, above)) as entries:
                for entry in entries:
                    name = above + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name.startswith("."):
                            ignored["hidden folder"] += 1
                        else:
                            waiting.append(f"{name}/")
                        continue
                    if entry.is_symlink() and entry.is_dir():  # whatever it is called
                        inside(folder, *name.split("/"))
                        ignored["link to a folder of it"] += 1
                        continue
                    reason = reason_to_ignore(entry.name)
                    if reason:
                        ignored[reason] += 1
                    else:
                        _add(name, entry, found, ignored, lost)
        except OSError as error:
            raise BadFile(
                f"folder '{error.filename or folder}' cannot be read: {error.strerror or error}"
            ) from error
    if lost:
        raise BadFile(
            f"folder '{folder}': {shown(lost)}: a link that leads nowhere; fetch what it "
            "leads to, or remove it"
        )
    check_text((name for name, _ in found), folder)
    found.sort()
    digest = digest_of(f"{name}\0{written}" for name, written in found)
    return Listing([name for name, _ in found], digest, ignored)


def _add(
    name: str,
    entry: os.DirEntry[str],
    found: list[tuple[str, str]],
    ignored: Counter[str],
    lost: list[str],
) -> None:
    try:
        state = entry.stat()
    except FileNotFoundError:
        if entry.is_symlink():
            lost.append(name)
        return  # else it was removed in this moment
    if stat.S_ISREG(state.st_mode):
        found.append((name, stamp(state)))
    else:
        ignored["no file"] += 1
