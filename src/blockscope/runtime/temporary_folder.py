"""The folder for temporary files: that of all jobs, and one of a job's own within it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_of_all: Path | None = None


def use_own(folder: Path) -> None:
    """Let this process, and what it starts, have its temporary files in a folder of its own."""
    global _of_all  # noqa: PLW0603 - as tempfile.tempdir, of which it is the value before
    _of_all = of_all_jobs()
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)


def of_all_jobs() -> Path:
    """Return the folder that all jobs of the machine have in common, as for locks."""
    return _of_all or Path(tempfile.gettempdir())
