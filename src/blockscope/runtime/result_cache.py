"""Results that several projects share, in a folder where each lies under all that decides it.

A result is looked up by its stage, its parameters (the digest of the code is one of them), the
content of its inputs, and the versions of the packages that compute. So another network, recipe or
version is another result, and no project ever gets one that it would not have made itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from blockscope.io.atomic_files import atomic_write, sha256_of
from blockscope.io.errors import BadFile

VARIABLE = "BLOCKSCOPE_SHARED_RESULTS"
STAGES = frozenset({"model", "render_sprites", "render_group_sprites", "spritemap", "render_grid"})
"""Stages whose results are worth their room: long ones, and what other projects ask for as well."""

COMPUTING = ("tensorflow", "tensorflow-cpu", "numpy")
CONTENT = "content.json"


def use(folder: str | None) -> None:
    """Tell the jobs that this process starts which folder is shared; ``None``: none is."""
    if folder is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(Path(folder).absolute())


def key_of(decides: Mapping[str, Any]) -> str:
    """Return the name of a place from all that decides what lies there, as plain data."""
    text = json.dumps(decides, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for name in COMPUTING:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


class Shared:
    """The place of one job's results in the shared folder."""

    def __init__(self, folder: Path, key: str, outputs: Iterable[str]) -> None:
        self.place = folder / key[:2] / key
        self.outputs = [Path(output) for output in outputs]

    @classmethod
    def of_job(cls, smk: Any) -> Shared | None:
        """Return the place of a job; None where nothing is shared, or not of its stage."""
        folder = os.environ.get(VARIABLE)
        if not folder or smk.rule not in STAGES:
            return None
        decides = {
            "stage": smk.rule,
            "names": dict(smk.wildcards.items()),
            "params": dict(smk.params.items()),
            "inputs": [sha256_of(path) for path in smk.input],
            "outputs": [Path(path).name for path in smk.output],
            "versions": _versions(),
        }
        return cls(Path(folder), key_of(decides), smk.output)

    def fetch(self) -> bool:
        """Copy the results to where the job is to write them; False where they are not there whole.

        Each file is compared with the checksum it was stored with: one that is damaged counts as
        missing.
        """
        try:
            content = json.loads((self.place / CONTENT).read_text(encoding="utf-8"))
            stored = [self.place / path.name for path in self.outputs]
            if [sha256_of(path) for path in stored] != [content[path.name] for path in stored]:
                return False
            for source, target in zip(stored, self.outputs, strict=True):
                with atomic_write(target) as temporary:
                    shutil.copyfile(source, temporary)
        except (OSError, ValueError, KeyError, BadFile):
            return False
        return True

    def store(self) -> None:
        """Put the results into the shared folder, all at once; those that are there already stay.

        What cannot be stored (a full disk, missing rights) only costs time later: the job has its
        results.
        """
        part = self.place.with_name(f".{uuid.uuid4().hex}.part")
        try:
            part.mkdir(parents=True)
            for output in self.outputs:
                shutil.copyfile(output, part / output.name)
            content = {path.name: sha256_of(part / path.name) for path in self.outputs}
            (part / CONTENT).write_text(json.dumps(content), encoding="utf-8")
            if self.place.is_dir() and not self._is_whole():
                self.place.rename(part.with_suffix(".damaged"))
            part.rename(self.place)
        except OSError as error:
            if not self._is_whole():  # else another project was faster with the same result
                print(f"not shared: {error.strerror or error} ({self.place})")  # noqa: T201
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(part.with_suffix(".damaged"), ignore_errors=True)

    def _is_whole(self) -> bool:
        try:
            content = json.loads((self.place / CONTENT).read_text(encoding="utf-8"))
            return all(sha256_of(self.place / name) == content[name] for name in content)
        except (OSError, ValueError, KeyError, BadFile):
            return False
