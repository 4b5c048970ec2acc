"""The plan as a table: jobs by rule, hours of processors and GPUs, disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockscope.runtime.plan.jobs import Job
from blockscope.runtime.plan.past import Expectation

HEAD = ("rule", "jobs", "s a job ", "CPU hours", "GPU hours", "disk ")
FOREIGN = (
    "* Nothing like it was recorded in this folder: figures that come with the package, of",
    "  blocks1000 on two cores without a GPU. A larger network takes longer, a GPU less.",
)


@dataclass
class Line:
    """What all jobs of a rule take together."""

    rule: str
    jobs: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    bytes: float = 0.0
    foreign_time: bool = False
    foreign_size: bool = False

    def add(self, job: Job, seconds: Expectation, size: Expectation) -> None:
        """Count a job."""
        took, known = seconds(job)
        wrote, sized = size(job)
        self.jobs += 1
        self.seconds += took
        self.cpu_seconds += took * job.threads
        self.gpu_seconds += took * job.gpus
        self.bytes += wrote
        self.foreign_time = self.foreign_time or not known
        self.foreign_size = self.foreign_size or not sized

    @property
    def cells(self) -> tuple[str, ...]:
        """The line's cells as text."""
        return (
            self.rule,
            str(self.jobs),
            f"{self.seconds / self.jobs:.1f}{_mark(self.foreign_time)}",
            in_hours(self.cpu_seconds),
            in_hours(self.gpu_seconds),
            f"{in_bytes(self.bytes)}{_mark(self.foreign_size)}",
        )


def report(jobs: Sequence[Job], seconds: Expectation, size: Expectation, cores: int) -> str:
    """Return the plan as text: a table by rule, in the order in which rules are met, and its sum.

    ``cores``: of this machine, for the shortest time that it can take here.
    """
    if not jobs:
        return "Nothing to do: every result is there and up to date."
    lines: dict[str, Line] = {}
    for job in jobs:
        lines.setdefault(job.rule, Line(job.rule)).add(job, seconds, size)
    total = Line("total")
    for line in lines.values():
        for name in ("jobs", "seconds", "cpu_seconds", "gpu_seconds", "bytes"):
            setattr(total, name, getattr(total, name) + getattr(line, name))
    rows = [HEAD, *(line.cells for line in lines.values()), total.cells]
    foreign = any(line.foreign_time or line.foreign_size for line in lines.values())
    notes = [f"At least {in_time(total.cpu_seconds / cores)} on the {cores} cores of this machine."]
    return "\n".join([*aligned(rows), "", *notes, *(FOREIGN if foreign else ())])


def _mark(foreign: bool) -> str:
    return "*" if foreign else " "


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]


def in_hours(seconds: float) -> str:
    """Return for how many hours cores or GPUs are held."""
    if not seconds:
        return "-"
    return "<0.01" if seconds < 36 else f"{seconds / 3600:.2f}"


def in_bytes(count: float) -> str:
    """Return a number of bytes in the unit that reads well."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def in_time(seconds: float) -> str:
    """Return seconds in the unit that reads well."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
