"""Checksums that result files carry, so that damage is found before a library reads the rest.

HDF5 and zip files end in a mark and the SHA-256 of all bytes before it: no reader of HDF5 looks
behind the end that the file states, and in a zip this is the comment. PNG and JSON files have an
entry `KEY` with a digest of their content.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from blockscope.io.atomic_files import require_file
from blockscope.io.errors import BadFile

KEY = "content_sha256"
MARK = b"\nblockscope sha256 "
DIGITS = 64  # of a SHA-256 in hex
AGAIN = "delete it, and it is made again"
_BLOCK = 1 << 20


def seal(path: str | os.PathLike[str]) -> None:
    """Append to a file the SHA-256 of what it holds; what it holds must end in `MARK`."""
    with open(path, "rb+") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        handle.write(digest.encode())


def check_seal(path: str | os.PathLike[str]) -> None:
    """Compare a file with its seal; about 1 s per GB.

    Raises ``BadFile`` where the file is missing, has no seal, or was changed since it was sealed.
    """
    source = require_file(path, "result file")
    size = source.stat().st_size - DIGITS
    with open(source, "rb") as handle:
        found = _digest_of_next(handle, size)
        stated = handle.read()
        handle.seek(max(size - len(MARK), 0))
        marked = handle.read(len(MARK)) == MARK
    if not marked:
        raise BadFile(
            f"result file '{source}' does not end in its checksum: it was cut off, or written by "
            f"another program; {AGAIN}"
        )
    check_digest(source, stated.decode("ascii", "replace"), found)


def _digest_of_next(handle: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    while size > 0 and (block := handle.read(min(_BLOCK, size))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def digest_of_pixels(pixels: npt.NDArray[np.uint8], facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an image (row, col, rgb) and its facts, apart from `KEY`."""
    digest = hashlib.sha256(_plain(facts) + json.dumps(pixels.shape).encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()


def digest_of_facts(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a JSON object holds, apart from `KEY`."""
    return hashlib.sha256(_plain(facts)).hexdigest()


def _plain(facts: Mapping[str, Any]) -> bytes:
    return json.dumps({k: v for k, v in facts.items() if k != KEY}, sort_keys=True).encode()


def check_digest(source: str | os.PathLike[str], stated: object, found: str) -> None:
    """Raise ``BadFile`` where a file states no digest or another one than what it holds has."""
    if stated is None:
        raise BadFile(f"result file '{source}' has no checksum; {AGAIN}")
    if stated != found:
        raise BadFile(
            f"result file '{source}' is damaged: what it holds has sha256 {found}, and it was "
            f"written with {stated}; {AGAIN}"
        )
