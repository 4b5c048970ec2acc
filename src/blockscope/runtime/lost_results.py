"""Results that a command took away and did not make again, and what was made of them.

Snakemake removes a file before the job that makes it again. Where that job fails, Snakemake records
its new parameters nevertheless, and then takes what was made of the old file for up to date, unless
the lost file is a target itself. So does it with files that anybody else removed.
"""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.io import IOFile
from snakemake.persistence.file import FilePersistence

from blockscope.io.errors import BadFile
from blockscope.io.plain_json import parse_json
from blockscope.runtime.failure import failed_submissions
from blockscope.runtime.result_cache import FINISHED, CacheEntry

RECORDS = Path(".snakemake")
LOCKS = RECORDS / "locks"
DIGEST = re.compile("'[0-9a-f]{64}'")  # among the parameters of each of our rules

UNMARKED = (
    "What was made of the files that are not made cannot be marked as out of date ({}): make room, "
    "and next run snakemake without a target, which looks for every file."
)


def restore_or_mark(workflow: Any) -> str | None:
    """Put back what jobs of failed submissions had finished; mark the others' files as incomplete.

    Snakemake removes the files of all jobs of a submission of which one failed, and takes its marks
    away. Returns what the user must know where the disk has no room for the marks.
    """
    jobs = [job for jobs in failed_submissions(workflow) for job in jobs]
    try:
        for job in jobs:
            if not _restored(job):
                workflow.persistence.started(job)
    except OSError as error:
        return UNMARKED.format(error.strerror or error)
    return None


def _restored(job: Any) -> bool:
    names = ("wildcards", "params", "input", "output", "resources")
    smk = SimpleNamespace(rule=job.rule.name, **{name: getattr(job, name) for name in names})
    if not FINISHED.is_dir():  # not on a cluster; the inputs would be read for nothing
        return False
    try:
        entry = CacheEntry.finished(smk, FINISHED)
    except (BadFile, OSError):  # without its input, another job's output, it would be out of date
        return False
    return entry is not None and entry.fetch()


def mark_outdated() -> None:
    """Mark what was made of lost files as incomplete, so that Snakemake makes it again.

    Lost is what is recorded, or marked as incomplete, and not there: a command that was killed, or
    has no hooks (as a module of another workflow), leaves no other trace. What it went into is in
    Snakemake's records; they are read, in some 0.1 ms each, only where something is lost. While
    another command is at work, whose files come and go, nothing is marked. Raises ``BadFile`` where
    nothing can be marked.
    """
    if any(LOCKS.glob("*")):
        return
    lost = [path for path, _ in _records("incomplete") if _is_gone(path)]
    lost += [path for path, record in _records("metadata") if _is_gone(path) and _is_kept(record)]
    if not lost:
        return
    made_of: dict[str, list[str]] = {}
    for path, record in _records("metadata"):
        for used in _read(record).get("input") or []:
            made_of.setdefault(used, []).append(path)
    outdated: set[str] = set()
    left = list(lost)
    while left:
        for path in made_of.get(left.pop(), ()):
            if path not in outdated:
                outdated.add(path)
                left.append(path)
    there = [IOFile(path) for path in sorted(outdated) if os.path.lexists(path)]
    try:
        FilePersistence(nolock=True).started(SimpleNamespace(output=there))
    except OSError as error:
        raise BadFile(
            f"results are lost, such as '{lost[0]}', and what was made of them cannot be marked as "
            f"out of date: {error.strerror or error} '{error.filename or RECORDS}'"
        ) from error


def _records(kind: str) -> Iterator[tuple[str, Path]]:
    """Yield the result file that each record is about, and the record."""
    folder = os.path.join(RECORDS, kind)
    for place, _, names in os.walk(folder):
        # A name that is too long for a file is cut into folders that begin with @.
        cut = place[len(folder) :].replace("/@", "")
        for name in names:
            with suppress(ValueError):
                yield urlsafe_b64decode(cut + name).decode(), Path(place, name)


def _is_gone(path: str) -> bool:
    return not os.path.lexists(path) and "://" not in path  # which is in a storage


def _is_kept(record: Path) -> bool:
    """Tell whether a file is one of ours, by the digest of its code, which no job removes.

    The files of a workflow of which this one is a module may be temporary.
    """
    facts = _read(record)
    params = facts.get("params")
    return not facts or (isinstance(params, list) and any(map(DIGEST.fullmatch, map(str, params))))


def _read(record: Path) -> dict[str, Any]:
    """Return what a record says; nothing where it was cut off, as on a full disk."""
    try:
        facts = parse_json(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
