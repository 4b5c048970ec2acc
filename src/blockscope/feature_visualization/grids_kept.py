"""What is done of an activation grid, kept beside it, so that a killed job goes on from there."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from blockscope.io.atomic_files import atomic_write

Arrays = dict[str, npt.NDArray[Any]]


class Kept:
    """A side folder of one grid, and in it one under a key of all that decides its pixels."""

    def __init__(self, folder: Path, decides: Any) -> None:
        """Find the folder for what ``decides`` the pixels, any JSON."""
        text = json.dumps(decides, sort_keys=True)
        self._whole = folder
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def write(self, name: str, arrays: Arrays) -> None:
        """Keep some arrays under a name, in place of what was there: whole or not at all."""
        with atomic_write(self._path(name)) as temporary, open(temporary, "wb") as target:
            np.savez(target, **arrays)  # type: ignore[arg-type]  # of names that the caller has

    def read(self, name: str) -> Arrays | None:
        """Return what is kept under a name; None for nothing, or what is damaged."""
        try:
            with open(self._path(name), "rb") as kept, np.load(kept, allow_pickle=False) as found:
                return {key: found[key] for key in found.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def clear(self) -> None:
        """Remove all that is kept of the grid, also what other settings or code left there."""
        shutil.rmtree(self._whole, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"
