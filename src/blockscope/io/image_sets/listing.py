"""The images that were found at a place, before any of them is chosen."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from blockscope.io.errors import BadFile

ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib"}
)
SHOWN = 3  # of many names in a message


class Member(NamedTuple):
    """Where the bytes of an archive's member are, and for zip files how they are packed."""

    offset: int
    size: int
    unpacked: int = -1  # bytes after unpacking; -1: stored as they are
    crc: int = -1  # CRC-32 of the unpacked bytes; -1: unknown


@dataclass
class Listing:
    """Images by name, sorted by code points, whatever the file system says.

    Attributes
    ----------
    names
        Paths: below the folder, in the archive, or as a list or table has them.
    digest
        Changes where an image is added, removed or written again.
    ignored
        What else is there, by kind, counted.
    labels
        The label of each image; empty where nothing but its folder could name one.
    members
        Of an archive: where each image is.
    """

    names: list[str]
    digest: str
    ignored: Counter[str] = field(default_factory=Counter)
    labels: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Tell whether a file, or a folder above it, is hidden."""
    if not (name.startswith(".") or "/." in name):
        return False
    return any(part.startswith(".") and part != ".." for part in name.split("/"))


def reason_to_ignore(name: str) -> str:
    """Return why a file is not taken for an image, as a noun; empty where it is."""
    if is_hidden(name):
        return "hidden"
    ending = os.path.splitext(name)[1].lower()
    return "" if ending in ENDINGS else ending or "without an ending"


def digest_of(lines: Iterable[str]) -> str:
    """Return a digest of text."""
    digest = hashlib.blake2b(digest_size=16)
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def stamp(state: os.stat_result) -> str:
    """Return what changes when a file is written again."""
    return f"{state.st_size} {state.st_mtime_ns}"


def check_text(names: Iterable[str], source: str) -> None:
    """Refuse names that are no text, which a result file cannot hold."""
    foreign = []
    for name in names:
        if not name.isascii() or "\0" in name:
            written = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
            if written != name:
                foreign.append(written)
    if foreign:
        raise BadFile(f"'{source}': {shown(foreign)}: no UTF-8; rename what is not (convmv does)")


def check_inside(names: Iterable[str], source: str) -> None:
    """Refuse members whose paths lead out of their archive."""
    leaving = [
        name
        for name in names
        if name.startswith("/") or (".." in name and ".." in name.replace("\\", "/").split("/"))
    ]
    if leaving:
        raise BadFile(f"'{source}': {shown(leaving)}: leads out of the archive; pack it again")


def shown(names: list[str]) -> str:
    """Return the first of some names, sorted, and how many more there are."""
    more = len(names) - SHOWN
    listed = ", ".join(f"'{name}'" for name in sorted(names)[:SHOWN])
    return f"{listed} and {more:,} more" if more > 0 else listed


def in_words(ignored: Counter[str]) -> str:
    """Return what is not taken for an image, as in "2 .gif, 1 hidden"."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(ignored.items()))
