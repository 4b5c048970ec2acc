"""Files that are either whole or absent, and their checksums."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; move it there when the block ends without an error.

    The name carries host and process, so two writers never share a temporary file. On any error the
    temporary file is removed and an older file at ``path`` stays as it was. The content reaches the
    disk before the rename, so a full disk or a power cut leaves no short file under the final name.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
    temporary = target.with_name(f".{target.name}.{mark}.part")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their relative names, as hex."""
    source = Path(path)
    if source.is_file():
        with open(source, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    digest = hashlib.sha256()
    for member in sorted(p for p in source.rglob("*") if p.is_file()):
        digest.update(member.relative_to(source).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(sha256_of(member)))
    return digest.hexdigest()
