"""Results that a command took away and did not make again, and what was made of them.

Snakemake removes a file before the job that makes it again. Where that job fails, Snakemake records
its new parameters nevertheless, and then takes what was made of the old file for up to date, unless
the lost file is a target itself.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.io import IOFile
from snakemake.persistence.file import FilePersistence

from blockscope.io.errors import BadFile
from blockscope.runtime.failure import failed_submissions
from blockscope.runtime.result_cache import FINISHED, CacheEntry

RECORDS = Path(".snakemake")


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
    names = ("wildcards", "params", "input", "output")
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

    Lost is what is marked as incomplete and not there. What it went into is in Snakemake's records;
    they are read, in some 0.1 ms each, only where something is lost.
    """
    left = [path for path, _ in _records("incomplete") if not os.path.lexists(path)]
    if not left:
        return
    made_of: dict[str, list[str]] = {}
    for path, record in _records("metadata"):
        for used in _inputs(record):
            made_of.setdefault(used, []).append(path)
    outdated: set[str] = set()
    while left:
        for path in made_of.get(left.pop(), ()):
            if path not in outdated:
                outdated.add(path)
                left.append(path)
    there = [IOFile(path) for path in sorted(outdated) if os.path.lexists(path)]
    FilePersistence(nolock=True).started(SimpleNamespace(output=there))


def _records(kind: str) -> Iterator[tuple[str, Path]]:
    """Yield the result file that each record is about, and the record."""
    folder = RECORDS / kind
    for place, _, names in os.walk(folder):
        for name in names:
            record = Path(place, name)
            # A name that is too long for a file is cut into folders that begin with @.
            text = "".join(part.removeprefix("@") for part in record.relative_to(folder).parts)
            with suppress(ValueError):
                yield urlsafe_b64decode(text).decode(), record


def _inputs(record: Path) -> list[str]:
    try:
        return json.loads(record.read_text(encoding="utf-8")).get("input") or []
    except (OSError, ValueError, AttributeError):
        return []
