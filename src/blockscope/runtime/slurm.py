"""Jobs that an earlier command left on a cluster: no second one may write their files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from blockscope.io.errors import BlockscopeError

PREFIX = "blockscope"  # of the name of every job, as profiles/slurm has it
PATIENCE = 60  # seconds


class ActiveJobsError(BlockscopeError):
    """Jobs of an earlier command wait or run in the folder in which a new one was given."""


def check_no_active_jobs(folder: Path) -> None:
    """Refuse a folder whose jobs are still in SLURM's queue.

    A command that is killed leaves its jobs to run; the next one would submit the same work again
    beside them. On a machine without SLURM's ``squeue``, or whose SLURM does not answer, nothing is
    known and nothing refused.

    Raises ``ActiveJobsError`` with their numbers and the command that cancels them.
    """
    numbers = active_jobs(folder)
    if numbers:
        raise ActiveJobsError(
            f"jobs of an earlier command in '{folder}' are still in SLURM's queue: "
            f"{', '.join(numbers)}; wait until they have ended (squeue --me), or cancel them: "
            f"scancel {' '.join(numbers)}"
        )


def active_jobs(folder: Path) -> list[str]:
    """Return the numbers of the user's jobs that wait or run in a folder, as SLURM lists them."""
    if shutil.which("squeue") is None:
        return []
    asked = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    try:
        done = subprocess.run(
            asked, check=True, capture_output=True, text=True, timeout=PATIENCE
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    lines = (line.split("|", 2) for line in done.stdout.splitlines())
    return [
        number
        for number, name, place in lines
        if name.startswith(f"{PREFIX}_") and Path(place) == folder
    ]
