"""Facts about files that are costly to find out, remembered until the file changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from blockscope.io.atomic_files import atomic_write_text


class FileCache:
    """Answers by question and file, kept in a JSON file; a lost or broken file only costs time."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.changed = False
        try:
            content = json.loads(store.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        self.answers: dict[str, str] = content if isinstance(content, dict) else {}

    def ask(self, question: str, file: Path, answer: Callable[[Path], str]) -> str:
        """Return ``answer(file)``, computed only where the file differs from the one seen before.

        Size, time of change and inode tell files apart. What ``answer`` raises is not remembered.
        """
        state = file.stat()
        print_of_file = f"{state.st_size}.{state.st_mtime_ns}.{state.st_ctime_ns}.{state.st_ino}"
        key = f"{question} {file.absolute()} {print_of_file}"
        if key not in self.answers or file.is_dir():
            self.answers[key] = answer(file)
            self.changed = True
        return self.answers[key]

    def save(self) -> None:
        """Keep the answers for the next command; where that is impossible they are found again."""
        if not self.changed:
            return
        try:
            atomic_write_text(self.store, json.dumps(self.answers))
        except OSError:
            return
