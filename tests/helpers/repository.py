"""Where the checkout lies, and its files."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the files below a folder, in order; that there are none is a failure.

    A test that looks at every file of a folder would otherwise pass where the folder has moved.
    """
    found = sorted(path for path in folder.rglob(pattern) if path.is_file())
    assert found, f"no {pattern} in {folder}"
    return found
