"""Snakemake's benchmarks of forks.

Snakemake measures the process that it started and its children, and a fork is no child of it. The
process that forks leaves a note for each job (``Note``), under the numbers of those that wait for
it; here the measurement turns to the fork, and takes its peak of memory and its processor time from
how it ended. Forks are measured exactly, other jobs twice a second.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blockscope.runtime.forks.offered import folder_offered


@dataclass(frozen=True)
class Note:
    """A fork's number, and once it has ended its peak memory (MiB) and processor time (s)."""

    pid: int
    max_rss: float = 0.0
    cpu_time: float = 0.0

    def write(self, folder: Path, waiting: int) -> None:
        """Leave the note under the number of the process that waits for the fork."""
        path = _note(folder, waiting)
        path.with_suffix(".new").write_text(json.dumps(asdict(self)), encoding="utf-8")
        os.replace(path.with_suffix(".new"), path)


def read_note(folder: Path | None, waiting: int) -> Note | None:
    """Return the note under a number; None where there is none."""
    if folder is None:
        return None
    try:
        return Note(**json.loads(_note(folder, waiting).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _note(folder: Path, waiting: int) -> Path:
    return folder / f"{waiting}.fork"


def measure_forks() -> None:
    """Let the benchmarks that this process takes, which is Snakemake's, measure forks too."""
    import psutil
    from snakemake import benchmark

    class Timer(benchmark.BenchmarkTimer):  # type: ignore[misc]
        """Measures the fork in place of the process that waits for it."""

        main: Any

        def _update_record(self) -> None:
            note = read_note(folder_offered(), self.pid)
            if note and self.main.pid == self.pid:
                self.main = psutil.Process(note.pid)
            super()._update_record()

        def cancel(self) -> None:
            super().cancel()
            folder, record = folder_offered(), self.bench_record
            note = read_note(folder, self.pid)
            if not folder or not note or not note.max_rss:
                return
            _note(folder, self.pid).unlink(missing_ok=True)
            record.data_collected = True
            if self.main.pid == self.pid:  # a job so short that it was never seen
                record.max_vms = record.max_uss = record.max_pss = None
            record.max_rss = max(record.max_rss or 0.0, note.max_rss)
            record.cpu_time, record.cpu_usage = note.cpu_time, 100 * note.cpu_time

    benchmark.BenchmarkTimer = Timer
