"""Facts about files that are expensive to compute, cached until the file or the code changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.code_digest import module_digest
from blockscope.io.plain_json import parse_json


class FileCache:
    """Facts by name and file, kept in a JSON file; losing that file only costs time."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.changed = False
        self.codes: dict[str, str] = {}
        try:
            content = parse_json(store.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        self.facts: dict[str, str] = content if isinstance(content, dict) else {}

    def get(self, name: str, file: Path, compute: Callable[[Path], str]) -> str:
        """Return ``compute(file)``, cached as ``name`` while size, times and inode stay the same.

        So must the code that the module of ``compute`` uses. An exception of ``compute`` is not
        cached, nor is what it returns for a folder.
        """
        state = file.stat()
        version = f"{state.st_size}.{state.st_mtime_ns}.{state.st_ctime_ns}.{state.st_ino}"
        key = f"{name} {file.absolute()} {version} {self._code(compute.__module__)}"
        if key not in self.facts or file.is_dir():
            self.facts[key] = compute(file)
            self.changed = True
        return self.facts[key]

    def _code(self, module: str) -> str:
        if module not in self.codes:
            self.codes[module] = module_digest(module)
        return self.codes[module]

    def save(self) -> None:
        """Keep the facts for the next command, if the disk allows it."""
        if not self.changed:
            return
        try:
            atomic_write_text(self.store, json.dumps(self.facts))
            self.changed = False
        except OSError:
            return
