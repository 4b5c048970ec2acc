"""Results that are kept in a folder where each has a key of all that decides it.

A result is looked up by its stage, its parameters (the digest of the code is one of them), the
content of its inputs, and the versions of the packages that compute. Another network, recipe or
version is another result, so that a project only gets what it would have made itself.

Several projects may share one such folder. Another holds what the jobs of a cluster finished: of a
submission that fails Snakemake removes all files, and submits all its jobs again.
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
"""Stages whose results are worth their room: they take long, and other projects need the same."""

FINISHED = Path(".snakemake/blockscope/finished")
"""What submitted jobs finished, until a command succeeds."""

FINISHED_VARIABLE = "BLOCKSCOPE_FINISHED"

COMPUTING = ("tensorflow", "tensorflow-cpu", "numpy")
CONTENT = "content.json"


def set_cache_dir(folder: str | None) -> None:
    """Set the shared folder of the jobs that this process starts; ``None``: there is none."""
    if folder is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(Path(folder).absolute())


def keep_finished() -> None:
    """Keep what the jobs of this process finish: it is a submission to a cluster."""
    os.environ[FINISHED_VARIABLE] = str(FINISHED.absolute())


def forget_finished() -> None:
    """Remove what is kept of submissions, which all results make superfluous."""
    shutil.rmtree(FINISHED, ignore_errors=True)


def key_fields(smk: Any) -> dict[str, Any]:
    """Return all that decides the results of a job, as plain data."""
    versions = {}
    for name in COMPUTING:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "stage": smk.rule,
        "names": dict(smk.wildcards.items()),
        "params": dict(smk.params.items()),
        "inputs": [sha256_of(path) for path in smk.input],
        "outputs": [Path(path).name for path in smk.output],
        "versions": versions,
    }


def cache_key(fields: Mapping[str, Any]) -> str:
    """Return the key of results, from all that decides them."""
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class CacheEntry:
    """The results of one job in a folder.

    They are called ``name`` in messages. With ``link`` they are no copies, which needs no room as
    long as the job's own files are there.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        outputs: Iterable[str],
        name: str = "the shared results",
        link: bool = False,
    ) -> None:
        self.place = folder / key[:2] / key
        self.outputs = [Path(output) for output in outputs]
        self.name = name
        self.add = os.link if link else shutil.copyfile

    @classmethod
    def shared(cls, smk: Any) -> CacheEntry | None:
        """Return the entry that projects share; None without a folder, or for other stages."""
        folder = os.environ.get(VARIABLE)
        if not folder or smk.rule not in STAGES:
            return None
        return cls(Path(folder), cache_key(key_fields(smk)), smk.output)

    @classmethod
    def finished(cls, smk: Any, folder: str | os.PathLike[str] | None = None) -> CacheEntry | None:
        """Return the entry of a job of a submission, by default of this one; None elsewhere."""
        place = folder or os.environ.get(FINISHED_VARIABLE)
        if not place:
            return None
        name = "what an earlier attempt finished"
        return cls(Path(place), cache_key(key_fields(smk)), smk.output, name, link=True)

    def fetch(self) -> bool:
        """Copy the results to where the job would write them; False unless all are there.

        Each file is compared with the checksum it was stored with: a damaged one counts as missing.
        """
        content = self._content()
        stored = [self.place / path.name for path in self.outputs]
        try:
            if [sha256_of(path) for path in stored] != [content.get(path.name) for path in stored]:
                return False
            for source, target in zip(stored, self.outputs, strict=True):
                with atomic_write(target) as temporary:
                    shutil.copyfile(source, temporary)
        except (OSError, BadFile):
            return False
        return True

    def store(self) -> None:
        """Put the results into the folder, all at once; what is already there stays.

        Where that fails (a full disk, missing rights) the job still has its results.
        """
        part = self.place.with_name(f".{uuid.uuid4().hex}.part")
        try:
            part.mkdir(parents=True)
            for output in self.outputs:
                self.add(output, part / output.name)
            content = {path.name: sha256_of(part / path.name) for path in self.outputs}
            (part / CONTENT).write_text(json.dumps(content), encoding="utf-8")
            if self.place.is_dir() and not self._is_whole():
                self.place.rename(part.with_suffix(".damaged"))
            part.rename(self.place)
        except OSError as error:
            if not self._is_whole():  # else another project was faster with the same result
                print(f"not kept: {error.strerror or error} ({self.place})")  # noqa: T201
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(part.with_suffix(".damaged"), ignore_errors=True)

    def _is_whole(self) -> bool:
        content = self._content()
        try:
            return bool(content) and all(
                sha256_of(self.place / name) == content[name] for name in content
            )
        except (OSError, BadFile):
            return False

    def _content(self) -> dict[str, Any]:
        """Return the checksums of the stored files; none if the list is missing or damaged."""
        try:
            content = json.loads((self.place / CONTENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
