"""Results that are kept in a folder where each has a key of all that decides it.

A result is looked up by its stage, its parameters (the digest of the code is one of them), the
content of its inputs, the versions of the packages that compute, and whether a GPU does. Another
network, recipe or version is another result, so that a project only gets what it would have made
itself.

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

from blockscope.io.atomic_files import atomic_write, require_file, sha256_of
from blockscope.io.contained_paths import inside
from blockscope.io.errors import BadFile
from blockscope.io.plain_json import parse_json
from blockscope.runtime.stage_names import stage_of

VARIABLE = "BLOCKSCOPE_SHARED_RESULTS"
STAGES = frozenset({"model", "render_sprites", "render_group_sprites", "spritemap", "render_grid"})
"""Stages whose results are worth their room: they take long, and other projects need the same."""

FINISHED = Path(".snakemake/blockscope/finished")
"""What submitted jobs finished, until a command succeeds."""

FINISHED_VARIABLE = "BLOCKSCOPE_FINISHED"

COMPUTING = ("tensorflow", "tensorflow-cpu")  # beside those that provenance knows
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
    # It imports NumPy, before which jobs set its threads.
    from blockscope.io.provenance import PACKAGES

    versions = {}
    for name in (*COMPUTING, *PACKAGES):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "stage": stage_of(smk.rule),
        "names": dict(smk.wildcards.items()),
        "params": dict(smk.params.items()),
        "inputs": [sha256_of(path) for path in smk.input],
        "outputs": [Path(path).name for path in smk.output],
        "versions": versions,
        "gpu": getattr(smk, "resources", {}).get("gpu", 0),
    }


def cache_key(fields: Mapping[str, Any]) -> str:
    """Return the key of results, from all that decides them."""
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where links do not reach: results may lie on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class CacheEntry:
    """The results of one job in a folder.

    They are called ``name`` in messages. With ``link`` they are no copies where the disk allows,
    which needs no room as long as the job's own files are there.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        outputs: Iterable[str],
        name: str = "the shared results",
        link: bool = False,
    ) -> None:
        self.folder = folder
        self.place = folder / key[:2] / key
        self.outputs = [Path(output) for output in outputs]
        self.name = name
        self.add = _link if link else shutil.copyfile

    @classmethod
    def shared(cls, smk: Any) -> CacheEntry | None:
        """Return the entry that projects share; None without a folder, or for other stages."""
        folder = os.environ.get(VARIABLE)
        if not folder or stage_of(smk.rule) not in STAGES:
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
        if not self._is_whole():
            return False
        try:
            for target in self.outputs:
                with atomic_write(target) as temporary:
                    shutil.copyfile(self.place / target.name, temporary)
        except OSError:
            return False
        return True

    def store(self) -> None:
        """Put the results into the folder, all at once; what is already there stays.

        Where that fails (a full disk, missing rights) the job still has its results.
        """
        part = self.place.with_name(f".{uuid.uuid4().hex}.part")
        damaged = part.with_suffix(".damaged")
        try:
            inside(self.folder, part.parent.name, part.name)
            part.mkdir(parents=True)
            for output in self.outputs:
                self.add(output, part / output.name)
            content = {path.name: sha256_of(part / path.name) for path in self.outputs}
            (part / CONTENT).write_text(json.dumps(content), encoding="utf-8")
            if os.path.lexists(self.place) and not self._is_whole():
                self.place.rename(damaged)
            part.rename(self.place)
        except (OSError, BadFile) as error:
            if not self._is_whole():  # else another project was faster with the same result
                words = getattr(error, "strerror", None) or error
                print(f"not kept: {words} ({self.place})")  # noqa: T201
        finally:
            shutil.rmtree(part, ignore_errors=True)
            if damaged.is_dir() and not damaged.is_symlink():
                shutil.rmtree(damaged, ignore_errors=True)
            else:  # a file or a link where a folder was meant; rmtree would wait for a pipe
                with suppress(OSError):
                    damaged.unlink()

    def _is_whole(self) -> bool:
        """Tell whether all results are there as they were stored, and not somewhere else."""
        content = self._content()
        try:
            inside(self.folder, *self.place.parts[-2:])
            names = [path.name for path in self.outputs]
            return all(sha256_of(self.place / name) == content.get(name) for name in names)
        except (OSError, BadFile):
            return False

    def _content(self) -> dict[str, Any]:
        """Return the checksums of the stored files; none if the list is missing or damaged."""
        try:
            listed = require_file(self.place / CONTENT, "list of contents")
            content = parse_json(listed.read_text(encoding="utf-8"))
        except (OSError, ValueError, BadFile):
            return {}
        return content if isinstance(content, dict) else {}
