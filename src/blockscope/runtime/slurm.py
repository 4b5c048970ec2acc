"""Jobs that an earlier command left on a cluster, whose files no second job may write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from blockscope.io.errors import BlockscopeError

PREFIX = "blockscope"  # of the name of every job, as in profiles/slurm
TIMEOUT = 60  # seconds


class ActiveJobsError(BlockscopeError):
    """Jobs of an earlier command wait or run in the folder of a new one."""


def check_no_active_jobs(folder: Path) -> None:
    """Refuse a folder whose jobs are still in SLURM's queue.

    A command that is killed leaves its jobs running, and the next one would submit the same work
    again. Without SLURM's ``squeue``, or if SLURM does not answer, nothing is refused.

    Parameters
    ----------
    folder
        In which Snakemake runs.

    Raises
    ------
    ActiveJobsError
        With their numbers and the command that cancels them.
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
    command = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=TIMEOUT
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    lines = (line.split("|", 2) for line in done.stdout.splitlines())
    return [
        number
        for number, name, place in lines
        if name.startswith(f"{PREFIX}_") and Path(place) == folder
    ]
