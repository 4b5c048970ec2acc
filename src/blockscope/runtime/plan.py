"""``python -m blockscope plan``: the jobs that Snakemake would run, and what they take."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass

from snakemake_interface_logger_plugins.common import LogEvent

from blockscope.io.errors import BlockscopeError
from blockscope.runtime.estimates import Estimates, Job

HEAD = ("rule", "jobs", "s/job ", "CPU hours", "GPU hours", "disk ")
SHIPPED = (
    "* Nothing like it was run in this folder: estimates that come with the package, of blocks1000",
    "  on two cores without a GPU. A larger network takes longer, a GPU less.",
)


def jobs_to_do(options: Sequence[str]) -> list[Job]:
    """Return the jobs that ``snakemake`` with these options would run, by a dry run.

    Parameters
    ----------
    options
        Of the command line.

    Returns
    -------
    jobs
        In Snakemake's order.

    Raises
    ------
    BlockscopeError
        With what Snakemake says where it cannot plan.
    """
    from snakemake.cli import main  # costs half a second, and only this command needs it

    listener = Listener()
    logger = logging.getLogger("snakemake")  # above Snakemake's own, which clears its handlers
    logger.addHandler(listener)
    try:
        with redirect_stdout(io.StringIO()):  # of a dry run Snakemake prints all, however quiet
            main(["--dry-run", *options])
    except SystemExit as end:
        if end.code:
            text = end.code if isinstance(end.code, str) else "\n".join(listener.errors)
            unknown = "Snakemake could not plan; what does snakemake -n say?"
            raise BlockscopeError(text or unknown) from None
    finally:
        logger.removeHandler(listener)
    return listener.jobs


class Listener(logging.Handler):
    """Collects jobs and errors from Snakemake's log."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a job or an error."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            job = vars(record)
            name, benchmark = job["rule_name"], str(job["benchmark"] or "")
            gpus = int(job["resources"].get("gpu", 0))
            outputs = tuple(map(str, job["output"]))
            if outputs:  # a target runs nothing
                self.jobs.append(Job(name, benchmark, outputs, int(job["threads"]), gpus))
        elif record.levelno >= logging.ERROR:
            self.errors.append(record.getMessage())


@dataclass
class Line:
    """What all jobs of a rule take together; a star marks estimates of the package."""

    rule: str
    jobs: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    bytes: float = 0.0
    time_mark: str = " "
    size_mark: str = " "

    def add(self, job: Job, estimates: Estimates) -> None:
        """Count a job."""
        seconds, known = estimates.seconds(job)
        size, sized = estimates.bytes(job)
        self.jobs += 1
        self.seconds += seconds
        self.cpu_seconds += seconds * job.threads
        self.gpu_seconds += seconds * job.gpus
        self.bytes += size
        self.time_mark = self.time_mark if known else "*"
        self.size_mark = self.size_mark if sized else "*"

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the line."""
        return (
            self.rule,
            str(self.jobs),
            f"{self.seconds / self.jobs:.1f}{self.time_mark}",
            in_hours(self.cpu_seconds),
            in_hours(self.gpu_seconds),
            f"{in_bytes(self.bytes)}{self.size_mark}",
        )


def report(jobs: Sequence[Job], estimates: Estimates, cores: int) -> str:
    """Return the plan as text: a table by rule in the order of the jobs, its sum, and notes.

    Parameters
    ----------
    jobs
        What would be run.
    estimates
        What jobs take.
    cores
        Of this machine, for the shortest time here.

    Returns
    -------
    text
        Several lines.
    """
    if not jobs:
        return "Nothing to do: all results are up to date."
    lines: dict[str, Line] = {}
    total = Line("total")
    for job in jobs:
        lines.setdefault(job.rule, Line(job.rule)).add(job, estimates)
        total.add(job, estimates)
    marked = "*" in {total.time_mark, total.size_mark}
    total.time_mark = total.size_mark = " "
    rows = [HEAD, *(line.cells for line in lines.values()), total.cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        table.append("  ".join(cells).rstrip())
    least = f"At least {in_time(total.cpu_seconds / cores)} on the {cores} cores of this machine."
    return "\n".join([*table, "", least, *(SHIPPED if marked else ())])


def in_hours(seconds: float) -> str:
    """Return for how many hours cores or GPUs are held."""
    if not seconds:
        return "-"
    return "<0.01" if seconds < 36 else f"{seconds / 3600:.2f}"


def in_bytes(count: float) -> str:
    """Return a number of bytes in a unit that reads well."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def in_time(seconds: float) -> str:
    """Return seconds in a unit that reads well."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
