"""A tiny project on a cluster: what is submitted, where it stands, and how it is disturbed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from helpers.tiny_project import Project

PATIENCE = 600  # seconds, with many jobs on two cores: against hanging alone
LIVE = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED"}
Found = TypeVar("Found")

# Added to the module of the copy that runs every job: a job waits while a file asks it to, before
# it begins (hold-RULE) or behind each batch of pictures that it finished (hold-batch), and says so.
HELD = """

_run = run


def _wait(name):
    while Path(name).exists():
        Path(f"{name}.reached").touch()
        time.sleep(0.1)


def run(smk, main):
    def held(smk):
        Path(f"card-{smk.rule}").open("a").write(os.environ.get("CUDA_VISIBLE_DEVICES", "-") + " ")
        _wait(f"hold-{smk.rule}")
        if smk.rule == "render_sprites":
            from blockscope.runtime.checkpoint import FolderCheckpoint

            write = FolderCheckpoint.write

            def written(self, *arguments):
                write(self, *arguments)
                _wait("hold-batch")

            FolderCheckpoint.write = written
        main(smk)

    _run(smk, held)
"""


@dataclass(frozen=True)
class Job:
    """A submission as the queue's records have it."""

    number: int
    state: str
    began: str
    ended: str
    memory: str
    what: str


class Submitted(Project):
    """A tiny project whose commands go through the profile for SLURM."""

    @property
    def command(self) -> list[str]:
        # The profile's waits are for a cluster with hundreds of jobs; here a job takes seconds.
        waits = ["--slurm-init-seconds-before-status-checks", "4", "--latency-wait", "10"]
        return [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *waits]

    head: subprocess.Popen[str] | None = None

    def begin(self, *arguments: str) -> None:
        """Start a command and leave it running as ``head``; what it says goes into ``said``."""
        with open(self.path("said"), "w", encoding="utf-8") as said:
            self.head = subprocess.Popen(
                [*self.command, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.path("said").read_text()

    def ended(self) -> int:
        """Wait for the head process, and return what it ends with."""
        assert self.head is not None
        return self.head.wait(timeout=PATIENCE)

    def end(self) -> None:
        """Leave nothing running of what a failed test has begun."""
        if self.head and self.head.poll() is None:
            self.head.kill()
            self.head.wait()
        if numbers := [str(job.number) for job in self.jobs() if job.state in LIVE]:
            asked("scancel", *numbers)

    def jobs(self) -> list[Job]:
        """Return all submissions of this folder that SLURM has seen, in their order."""
        done = asked("squeue", "-h", "--states=all", "-o", "%i|%T|%S|%e|%Z|%m|%k")
        found = [line.split("|") for line in done.splitlines()]
        mine = [f for f in found if f[4] == str(self.folder)]
        return sorted(
            (Job(int(f[0]), f[1], f[2], f[3], f[5], f[6]) for f in mine), key=lambda j: j.number
        )

    def hold(self, what: str) -> None:
        self.path(f"hold-{what}").touch()

    def wait_for_hold(self, what: str) -> None:
        reached = self.path(f"hold-{what}.reached")
        self.until(reached.exists, f"{what} is held")

    def release(self, what: str) -> None:
        self.path(f"hold-{what}").unlink()
        self.path(f"hold-{what}.reached").unlink(missing_ok=True)

    def until(self, found: Callable[[], Found], what: str) -> Found:
        """Wait until something is found, as long as the head process runs, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (value := found()):
            assert self.head is None or self.head.poll() is None, f"ended: {what}\n{self.said()}"
            assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}\n{self.said()}"
            time.sleep(0.3)
        return value


def asked(*command: str) -> str:
    """Return what a command of SLURM says."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
