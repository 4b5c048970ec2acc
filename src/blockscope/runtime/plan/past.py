"""What earlier jobs took: seconds from their benchmarks, bytes from their results."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from blockscope.config.settings import Config
from blockscope.io.datasets import ENDINGS
from blockscope.runtime.plan.jobs import Job
from blockscope.runtime.plan.likeness import Name, NearestEstimate
from blockscope.runtime.plan.work import START, work_done, work_to_do

BENCHMARKS, RESULTS = Path("benchmarks"), Path("results")
# The words of a result's path that say what it is; the other parts are names.
WORDS = frozenset(
    {"activations", "channels", "classes", "drivers", "factors", "figures", "grids", "groups"}
    | {"models", "neurons", "positions", "results", "shards", "sprites"}
)


@dataclass(frozen=True)
class Shipped:
    """What a job of a rule took where the figures that come with the package were taken."""

    seconds: float
    bytes: float


@cache
def shipped() -> dict[str, Shipped]:
    """Return the figures that come with the package, by rule."""
    text = resources.files("blockscope.runtime.plan").joinpath("figures.tsv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t")
    return {row["rule"]: Shipped(float(row["seconds"]), float(row["bytes"])) for row in rows}


class Seconds:
    """Seconds of jobs, from the benchmarks of those that were run in this folder."""

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.recorded = NearestEstimate()
        for path in sorted(BENCHMARKS.rglob("*.tsv")):
            rule, name = _named(path)
            seconds, work = _seconds(path), work_done(rule, name) if name else None
            if seconds is not None and work:
                self.recorded.note(rule, name, _scaled(seconds, 1 / work) if work != 1 else seconds)

    def expect(self, job: Job) -> tuple[float, bool]:
        """Return what a job is likely to take, and whether jobs of this folder say so."""
        rule, name = _named(Path(job.benchmark)) if job.benchmark else (job.rule, ())
        found = self.recorded.expect(rule, name)
        known = found is not None
        if found is None:
            found = shipped()[rule].seconds if rule in shipped() else 0.0
        work = work_to_do(rule, name, self.settings) if name else 1.0
        return (_scaled(found, work) if work != 1 else found), known


class Bytes:
    """Bytes of results, from those that are there."""

    def __init__(self) -> None:
        self.found = NearestEstimate()
        for path in RESULTS.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                self.found.note(*_sorted_parts(path), path.stat().st_size)

    def expect(self, job: Job) -> tuple[float, bool]:
        """Return what a job is likely to add to the disk, and whether results here say so."""
        new = [Path(output) for output in job.outputs if not Path(output).exists()]
        sizes = [self.found.expect(*_sorted_parts(path)) for path in new]
        if None in sizes:
            return (shipped()[job.rule].bytes if job.rule in shipped() else 0.0), False
        return sum(filter(None, sizes)), True


Expectation = Callable[[Job], tuple[float, bool]]


def _named(benchmark: Path) -> tuple[str, Name]:
    """Return the rule of a benchmark's path and its name below that."""
    _, rule, *parts = benchmark.parts
    return rule, (*parts[:-1], parts[-1].removesuffix(".tsv")) if parts else ()


def _seconds(path: Path) -> float | None:
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return float(next(csv.DictReader(handle, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None


def _scaled(seconds: float, work: float) -> float:
    """Return the seconds of as much work more: a job's start takes the same."""
    return min(START, seconds) + max(seconds - START, 0.0) * work


def _sorted_parts(path: Path) -> tuple[object, Name]:
    """Return what a result is, and the names in its path."""
    *folders, last = path.parts
    ending = next((e for e in ENDINGS if last.endswith(e)), path.suffix)
    words = tuple(folder for folder in folders if folder in WORDS)
    names = (*(folder for folder in folders if folder not in WORDS), last.removesuffix(ending))
    return (words, ending), names
