"""Files that are either whole or absent, and their checksums."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blockscope.io.contained_paths import files_below
from blockscope.io.errors import BadFile

FilePath = str | os.PathLike[str]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME_SHOWN = 40  # characters: even with four bytes each, a name that every file system accepts


@contextmanager
def atomic_write(path: FilePath) -> Iterator[Path]:
    """Yield a unique temporary path next to ``path``; rename it when the block succeeds.

    On an error the temporary file is removed, and an older file at ``path`` is not changed. The
    content reaches the disk before the rename, so that a full disk or a power cut leaves no
    truncated file under the final name. Missing folders are created.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{_beginning(target)}{uuid.uuid4().hex}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.filename is None and error.errno in NO_ROOM:  # which does not name the file
            error.filename = str(target)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: FilePath) -> None:
    """Remove what writers of a file have left that were killed; none may be at work."""
    target = Path(path)
    for left in target.parent.glob(f"{glob.escape(_beginning(target))}*.part"):
        left.unlink(missing_ok=True)


def _beginning(target: Path) -> str:
    """Return what the names of a file's unfinished contents begin with, and those of no other."""
    digest = hashlib.sha256(target.name.encode(errors="surrogateescape")).hexdigest()
    return f".{target.name[:_NAME_SHOWN]}.{digest[:8]}."


def atomic_write_text(path: FilePath, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def require_file(path: FilePath, kind: str) -> Path:
    """Return a path that must be a file; raises ``BadFile`` otherwise.

    ``kind`` is the noun of the message, as in "image file".
    """
    source = Path(path)
    try:
        if source.is_file():
            return source
        found = "is a folder" if source.is_dir() else "does not exist"
    except OSError as error:  # a name that is too long, a folder that may not be entered
        found = f"cannot be read: {error.strerror or error}"
    raise BadFile(f"{kind} '{source}' {found}")


def sha256_of(path: FilePath) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their relative names, as hex.

    Raises ``BadFile`` where it does not exist or a folder's member leads out of it, ``OSError``
    where it cannot be read.
    """
    source = Path(path)
    if source.is_file():
        with open(source, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    if not source.is_dir():
        raise BadFile(
            f"'{source}' {'is no file or folder' if source.exists() else 'does not exist'}"
        )
    digest = hashlib.sha256()
    for member in files_below(source):
        digest.update(member.relative_to(source).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(sha256_of(member)))
    return digest.hexdigest()
