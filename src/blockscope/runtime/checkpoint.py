"""Where a job that renders keeps what it has finished, so that a killed job resumes from there."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from blockscope.feature_visualization.checkpoint import Arrays
from blockscope.io.atomic_files import atomic_write

ABANDONED = 600.0  # seconds: no set takes that long to be written


def _age(path: Path) -> float:
    """Return the seconds since a file was written; 0 where another job has just removed it."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


class FolderCheckpoint:
    """A folder of named sets of arrays, in it one under a key of all that decides the pixels.

    ``decides`` is any JSON, ``key`` its digest, ``folder`` that of all keys. Jobs of the same key
    may share it, also at the same time. A file is there whole or not at all; a damaged one counts
    as missing.
    """

    def __init__(self, folder: Path, decides: Any) -> None:
        text = json.dumps(decides, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._all, self._folder = folder, folder / self.key

    def names(self) -> list[str]:
        """Return the names of all sets of this key, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.npz"))

    def read(self, name: str) -> Arrays | None:
        """Return a set; None where there is none or it is damaged."""
        try:
            with open(self._path(name), "rb") as kept, np.load(kept, allow_pickle=False) as found:
                return {key: found[key] for key in found.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, name: str, arrays: Arrays) -> None:
        """Keep a set in place of an earlier one, whole or not at all."""
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # of names that the caller chooses
        with atomic_write(self._path(name)) as temporary:
            temporary.write_bytes(content.getbuffer())

    def remove(self, name: str) -> None:
        """Remove a set, what killed jobs left half written, and folders that are empty then."""
        self._path(name).unlink(missing_ok=True)
        abandoned = [path for path in self._all.rglob(".*.part") if _age(path) > ABANDONED]
        for path in abandoned:
            path.unlink(missing_ok=True)
        for folder in {self._folder, *(path.parent for path in abandoned)}:
            with suppress(OSError):
                folder.rmdir()

    def clear(self) -> None:
        """Remove the whole folder, also what other keys left there."""
        shutil.rmtree(self._all, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npz"
