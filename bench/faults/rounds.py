"""The kinds of faults, and one round of one kind: what was done, and what did not hold."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.faults.files import ENDINGS, damage
from bench.faults.folders import linked, read_only, two_commands, two_projects, without_locks
from bench.faults.processes import full_disk, kill, may_mount, small_files
from bench.faults.trial import Broken, Missed, Trial, Undisturbed

KINDS: dict[str, Callable[[Trial], None]] = {
    **{
        f"kill-{victim}": partial(kill, victim=victim)
        for victim in ("head", "job", "server", "group")
    },
    **({"full-disk": full_disk} if may_mount() else {}),
    "small-files": small_files,
    **{f"damage{ending}": partial(damage, ending=ending) for ending in ENDINGS},
    "two-commands": two_commands,
    "two-projects": partial(two_projects, damaged=False),
    "damaged-shared": partial(two_projects, damaged=True),
    # Root writes wherever nothing is mounted otherwise.
    **({"read-only": read_only} if may_mount() or os.geteuid() else {}),
    "linked": linked,
    **({"no-locks": without_locks} if shutil.which("cc") else {}),
}


@dataclass(frozen=True)
class Round:
    """One fault of a kind; the seed gives all its random numbers."""

    kind: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What came of a round: ``broken`` is what did not hold, None where all did."""

    round: Round
    folder: Path
    fault: str
    broken: str | None
    missed: bool
    told: bool
    seconds: float

    def __str__(self) -> str:
        """Return a line."""
        words = self.broken or ("survived, told" if self.told else "survived")
        words = "came too late" if self.missed else words
        return f"{self.folder.name} ({self.seconds:.0f} s): {self.fault}: {words}"


def play(undisturbed: Undisturbed, one: Round, folder: Path) -> Outcome:
    """Let a fault happen and look at what comes of it.

    The round's folder, in ``folder``, is kept where anything did not hold.
    """
    rng = random.Random(f"{one.kind} {one.seed}")  # noqa: S311 - no secret
    trial = Trial(undisturbed, folder / f"{one.kind}-{one.seed}", rng)
    began, broken, missed = time.monotonic(), None, False
    try:
        KINDS[one.kind](trial)
    except Missed:
        missed = True
    except KeyboardInterrupt:
        for process in trial.processes():
            process.kill()
        raise
    except Broken as error:
        broken = str(error)
        (trial.folder / "said").write_text("\n======\n".join(trial.said))
    if broken is None:
        shutil.rmtree(trial.folder)
    seconds = time.monotonic() - began
    return Outcome(one, trial.folder, trial.fault, broken, missed, trial.told, seconds)
