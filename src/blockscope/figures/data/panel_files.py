"""The files that a panel is made from, by what they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blockscope.io.errors import unknown_name

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class PanelFiles:
    """Files by the names that ``config.result_paths`` gives them: one for each, or several."""

    paths: Mapping[str, Paths]

    def one(self, name: str) -> Path:
        """Return the file of this name; raises ``UnknownName`` where there is not exactly one."""
        found = self.many(name)
        if len(found) != 1:
            raise unknown_name("file", name, self.paths, owner="a panel")
        return found[0]

    def many(self, name: str) -> tuple[Path, ...]:
        """Return all files of this name, in their order; none where it was not given."""
        found = self.paths.get(name, ())
        if isinstance(found, str | os.PathLike):
            return (Path(found),)
        return tuple(map(Path, found))

    def all(self) -> list[Path]:
        """Return every file once, in the order of their names' first use."""
        return list(dict.fromkeys(path for name in self.paths for path in self.many(name)))
