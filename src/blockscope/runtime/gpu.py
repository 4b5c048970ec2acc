"""The GPU of a job that renders: one that it has for itself, or none.

Importing this module does not import TensorFlow.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from blockscope.io.errors import BadConfig
from blockscope.runtime.temporary_folder import of_all_jobs

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Where a scheduler says which of its jobs this is. Each counts its cards from 0, whatever they are.
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
POLL = 1.0  # seconds between two looks for a free card


class Taken(NamedTuple):
    """A card that this process holds until it ends, however it ends.

    Attributes
    ----------
    place
        Among the cards seen.
    name
        By which other jobs know it.
    lock
        The open lock file.
    """

    place: int
    name: str
    lock: int


# Kept until the process ends, and with them their locks.
_held: list[Taken] = []


def use_gpu(wanted: bool) -> None:
    """Let TensorFlow see one card that no other job has taken, or none where none is wanted.

    Prints which one. Takes the card's memory as it is needed, not all of it. To be called before
    TensorFlow computes anything; a process that has begun keeps the devices it has.

    Raises ``BadConfig`` where a card is wanted and TensorFlow sees none.
    """
    import tensorflow as tf

    from blockscope.models.device import gpu_name

    cards = tf.config.list_physical_devices("GPU")
    if not wanted:
        _show([])
        return
    if not cards:
        visible = os.environ.get(VISIBLE)
        value = f"{VISIBLE} is " + ("not set" if visible is None else f"'{visible}'")
        raise BadConfig(
            "a GPU was requested (compute.gpu: true in the config), but TensorFlow sees 0 GPUs "
            f"({value}); install the GPU variant (make setup LOCK=gpu) on a machine with an NVIDIA "
            "GPU, or set compute.gpu to false"
        )
    if _held:  # by an earlier call in this process
        return
    taken = take_card(card_names(os.environ, len(cards)), partial(print, file=sys.stderr))
    _held.append(taken)
    _show([cards[taken.place]])
    sys.stdout.write(f"GPU {taken.name} of {len(cards)}: {gpu_name()}\n")


def _show(cards: Sequence[object]) -> None:
    """Hide all cards but these; without effect where TensorFlow has begun to compute."""
    import tensorflow as tf

    try:
        tf.config.set_visible_devices(cards, "GPU")
        for card in cards:
            tf.config.experimental.set_memory_growth(card, True)
    except RuntimeError as error:
        sys.stderr.write(f"the devices stay as they are: {error}\n")


def card_names(environment: Mapping[str, str], seen: int) -> list[str]:
    """Name the ``seen`` cards, by which all jobs of the machine know them.

    CUDA shows the cards that ``CUDA_VISIBLE_DEVICES`` lists, in that order, up to the first that
    does not exist; without it all, in an order of its own. A name begins with the scheduler's job
    where there is one.
    """
    listed = [name.strip() for name in environment.get(VISIBLE, "").split(",") if name.strip()]
    names = listed[:seen] if len(listed) >= seen else [str(place) for place in range(seen)]
    job = next((environment[key] for key in SCHEDULERS if environment.get(key)), "")
    return [f"{job}-{name}" if job else name for name in names]


def take_card(
    names: Sequence[str], log: Callable[[str], object], folder: Path | None = None
) -> Taken:
    """Take the first free card of ``names``; ``log`` and wait for one where all are taken.

    ``folder`` holds a lock file for each, by default the folder for temporary files: it has to be
    the same for all jobs of the machine.
    """
    where = of_all_jobs() if folder is None else folder
    logged = False
    while True:
        for place, name in enumerate(names):
            lock = _lock(where / f"blockscope-gpu-{name.replace('/', '_')}.lock")
            if lock is not None:
                return Taken(place, name, lock)
        if not logged:
            log(
                f"waiting for a GPU: all {len(names)} are taken by other jobs, which hold the "
                f"locks {where}/blockscope-gpu-*.lock (resource gpu of snakemake: how many jobs "
                "run at once)"
            )
            logged = True
        time.sleep(POLL)


def _lock(path: Path) -> int | None:
    """Return the open lock file, None where another process holds it."""
    # Created separately: in a sticky folder nobody may open another user's file in order to create.
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
