"""The content of the user's own files, which decides whether what is made of them is up to date."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from blockscope.config.file_cache import FileCache
from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadFile

FACT = "sha256"


class UserFiles:
    """The digests of files, each read once and not again before it changes.

    Snakemake takes a file that is older than what was made of it for the one it was made of.
    """

    def __init__(self, store: Path) -> None:
        self.facts = FileCache(store)

    def content(self, files: Iterable[str]) -> list[str]:
        """Return the SHA-256 of each file; empty for one that is not there (yet).

        Raises ``BadFile`` for one that cannot be read.
        """
        found = []
        for file in map(Path, files):
            try:
                found.append(self.facts.get(FACT, file, sha256_of) if file.exists() else "")
            except OSError as error:
                raise BadFile(
                    f"file '{file}' cannot be read: {error.strerror or error}; allow it to be read"
                ) from error
        self.facts.save()
        return found
