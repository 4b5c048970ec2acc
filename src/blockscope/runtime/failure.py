"""The end of a command that failed: why, what is finished, and what is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blockscope.io.counts import counted
from blockscope.io.errors import BlockscopeError

MARK = "Failed: "  # begins the last paragraph of a failed job's log, the sentence for the user
MOST = 10  # causes, or runs, that are named
NO_WORD = (
    "ended without a word in its log: it was cancelled or killed, or ran out of memory or time"
)
_SENTENCE = re.compile(rf"^{MARK}(.+)\Z", re.MULTILINE | re.DOTALL)
_TEMPORARY = re.compile(r"'[^']*\.part'")


def note_sentence(log: Path, sentence: str) -> None:
    """Add to a job's log why it failed, where the disk has room for it."""
    with suppress(OSError), open(log, "a", encoding="utf-8", errors="replace") as file:
        file.write(f"\n{MARK}{sentence}\n")


@dataclass(frozen=True)
class FailedJob:
    """The rule, log and result files of a job that failed."""

    rule: str
    log: str
    outputs: tuple[str, ...]

    def sentence(self, since: float) -> str | None:
        """Return why it failed, from its log, unless that was last written before ``since``."""
        log = Path(self.log)
        try:
            if log.stat().st_mtime < since:
                return None
            found = _SENTENCE.search(log.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None
        return found[1].strip() if found else None

    def cause(self, sentence: str) -> str:
        """Return a sentence without the names of this job's own files."""
        for path in self.outputs:
            sentence = sentence.replace(f"'{path}'", "''")
        return _TEMPORARY.sub("''", sentence)


@dataclass
class Cause:
    """Why jobs failed, in a sentence, and their logs."""

    sentence: str
    logs: list[str]

    def __str__(self) -> str:
        """Return its lines of the report."""
        first, *others = self.logs
        more = f" (and {len(others)} more)" if others else ""
        lines = "\n".join(f"  {line}" for line in self.sentence.splitlines())
        return f"{lines}\n    log: {first}{more}"


def causes(submissions: Iterable[Sequence[FailedJob]], since: float) -> list[Cause]:
    """Return the distinct reasons of what failed.

    Parameters
    ----------
    submissions
        The jobs of each submission that failed. On a cluster these are several, of which at least
        one failed; elsewhere it is one.
    since
        When the command began, in seconds; older logs say nothing about it.

    Returns
    -------
    causes
        In the order of the submissions.
    """
    found: dict[str, Cause] = {}
    for jobs in submissions:
        said = [(job, words) for job in jobs if (words := job.sentence(since))]
        for job, words in said or [(jobs[0], f"{' and '.join(_rules(jobs))} {NO_WORD}")]:
            cause = found.setdefault(job.cause(words), Cause(words, []))
            cause.logs.append(job.log)
    return list(found.values())


def _rules(jobs: Iterable[FailedJob]) -> list[str]:
    return sorted({job.rule for job in jobs})


@dataclass(frozen=True)
class Failure:
    """What a command came to that failed or was stopped.

    Attributes
    ----------
    causes
        Why; none where it was stopped.
    finished
        The runs that are finished, of those that it was to finish.
    unfinished
        The others of these.
    independent
        Whether jobs are left that depend on none of those that failed.
    """

    causes: Sequence[Cause]
    finished: Sequence[str]
    unfinished: Sequence[str]
    independent: bool

    def report(self, write_gallery: Callable[..., Path], note: str | None = None) -> str:
        """Return the last lines of the command, with a further ``note``.

        Where there is anything to show, ``write_gallery`` is called with the runs that are
        ``finished`` and returns where they are shown.
        """
        lines = ["", "Not finished."]
        for cause in self.causes[:MOST]:
            lines += ["", str(cause)]
        if len(self.causes) > MOST:
            lines += ["", f"  and {counted(len(self.causes) - MOST, 'other cause')}"]
        lines.append("")
        if self.finished or self.unfinished:
            lines.append(f"Finished runs: {_listed(self.finished)}")
            lines.append(f"Not finished:  {_listed(self.unfinished)}")
        if self.causes and self.finished and self.unfinished:
            lines.append(self._shown(write_gallery))
        if self.causes and self.independent:
            lines.append(
                "What does not depend on this is finished by the same command with --keep-going."
            )
        if note:
            lines.append(note)
        lines.append("The same command goes on from what is finished.")
        return "\n".join(lines)

    def _shown(self, write_gallery: Callable[..., Path]) -> str:
        try:
            where = write_gallery(finished=self.finished)
        except (OSError, BlockscopeError) as error:
            return f"The gallery of the finished runs could not be written: {error}"
        return f"The finished runs, in a gallery that is marked incomplete: {where}"


def _listed(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - MOST} more" if len(runs) > MOST else ""
    return f"{len(runs)} ({', '.join(runs[:MOST])}{more})" if runs else "none"


def failed_submissions(workflow: Any) -> list[list[Any]]:
    """Return the jobs of each submission that failed, in their order: several of a group."""
    return [list(job) if job.is_group() else [job] for job in workflow.scheduler.failed]


def failure_of(workflow: Any, pages: Mapping[str, str]) -> Failure:
    """Return what a command came to, from Snakemake's workflow and the page of each run."""
    dag = workflow.dag
    submissions = failed_submissions(workflow)
    behind = set(dag.bfs(dag.depending, *(job for jobs in submissions for job in jobs)))
    writers = {str(path): job for job in dag.jobs for path in job.output}
    there = {
        run: dag.noneedrun_finished(writers[page]) for run, page in pages.items() if page in writers
    }
    return Failure(
        causes=causes([_failed(jobs) for jobs in submissions], workflow.start_time.timestamp()),
        finished=[run for run, done in there.items() if done],
        unfinished=[run for run, done in there.items() if not done],
        independent=any(job not in behind for job in dag.needrun_jobs()),
    )


def _failed(jobs: Iterable[Any]) -> list[FailedJob]:
    found = [
        FailedJob(job.rule.name, str(next(iter(job.log), "")), tuple(map(str, job.output)))
        for job in jobs
    ]
    return sorted(found, key=lambda job: job.log)
