"""Which graphics card a job takes: the first that no other job of the machine has taken."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Where a scheduler says which of its jobs this is. Each counts its cards from 0, whatever they are.
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
AGAIN = 1.0  # seconds between two looks for a card


class Taken(NamedTuple):
    """A card: its place among those seen, its name, and the lock, to be kept as long as the card.

    The lock is that of the process: it ends with it, in whatever way.
    """

    place: int
    name: str
    lock: int


def card_names(environment: Mapping[str, str], seen: int) -> list[str]:
    """Name the ``seen`` cards, by which all jobs of the machine know them.

    CUDA shows the cards that ``CUDA_VISIBLE_DEVICES`` lists, in that order, up to the first that
    does not exist; without it all, in an order of its own. A name has the scheduler's job before it
    where there is one.
    """
    listed = [name.strip() for name in environment.get(VISIBLE, "").split(",") if name.strip()]
    names = listed[:seen] if len(listed) >= seen else [str(place) for place in range(seen)]
    job = next((environment[key] for key in SCHEDULERS if environment.get(key)), "")
    return [f"{job}-{name}" if job else name for name in names]


def take_card(
    names: Sequence[str], tell: Callable[[str], object], folder: Path | None = None
) -> Taken:
    """Take the first free card of ``names``; wait for one where all are taken, and ``tell`` so.

    ``folder`` holds a lock file for each, by default the folder for temporary files: it has to be
    the same for all jobs of the machine.
    """
    where = Path(tempfile.gettempdir()) if folder is None else folder
    told = False
    while True:
        for place, name in enumerate(names):
            lock = _lock(where / f"blockscope-gpu-{name.replace('/', '_')}.lock")
            if lock is not None:
                return Taken(place, name, lock)
        if not told:
            tell(
                f"waiting for a GPU: all {len(names)} are taken by other jobs, which hold the "
                f"locks {where}/blockscope-gpu-*.lock (resource gpu of snakemake: how many jobs "
                "run at once)"
            )
            told = True
        time.sleep(AGAIN)


def _lock(path: Path) -> int | None:
    """Return the open lock file, None where another process holds it."""
    # Created apart: a folder for everybody lets nobody open another user's file in order to create.
    with suppress(FileExistsError):
        created = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o644)
        os.fchmod(created, 0o644)  # readable for the jobs of other users, whatever the umask
        os.close(created)
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
