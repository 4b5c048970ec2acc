"""Faults of processes: kills at random moments, and disks that become full."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from bench.faults.trial import STARTED, Broken, Command, Missed, Trial

CAP_SYS_ADMIN = 21  # of Linux, a bit of a process's capabilities
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
SHOWN = 20_000  # bytes: what a command prints goes to a file
FULL = ("No space left on device", "File too large")
LOST = ("Not finished.", "Terminating", "KeyboardInterrupt")
# Nobody is left to remove after SIGKILL: a socket of multiprocessing, files of Snakemake and of its
# solver.
_OF_HEAD = ("pymp-*", "snakemake*", "*-pulp.*")
UNAVOIDABLE = {"head": _OF_HEAD, "group": (*_OF_HEAD, "blockscope-*")}
UNANSWERED = ("snakemake*",)


def kill(trial: Trial, victim: str) -> None:
    """Kill a head, job, server or group at a random moment; the next command finishes."""
    number = trial.rng.choice(SIGNALS)
    network = trial.rng.random() < 0.2
    # By what is done: the time of a run changes with what else is on the machine.
    share, pause = max(0, trial.rng.uniform(-0.2, 0.9)), trial.rng.uniform(0, 3)
    trial.fault = (
        f"{number.name} to the {victim} {pause:.1f} s after {share:.0%} of the jobs, "
        f"network made: {not network}"
    )
    project = trial.project()
    if network:
        shutil.rmtree(project.path("results/models"))
    if number == signal.SIGKILL:
        trial.unavoidable = UNAVOIDABLE.get(victim, ())
    command = trial.start(project)
    while command.process.poll() is None and command.done() < share:
        time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        command.process.wait(pause)
    while command.process.poll() is None:
        if _hit(trial, command, victim, number):
            break
        time.sleep(0.02)
    else:
        raise Missed
    status = command.wait("KeyboardInterrupt" if number == signal.SIGINT else "")
    if number == signal.SIGTERM and STARTED not in command.text:
        trial.unavoidable = UNANSWERED  # Snakemake answers it from its first job on
    trial.told = status > 0 and any(word in command.text for word in LOST)
    if status > 0 and not trial.told:
        raise Broken("ended without a word")
    trial.finish(project)


def _hit(trial: Trial, command: Command, victim: str, number: signal.Signals) -> bool:
    """Send a signal; False where there is no such process at the moment."""
    head = command.process.pid
    with suppress(ProcessLookupError, psutil.Error):
        if victim == "group":
            os.killpg(head, number)
            return True
        servers: list[int] = []
        jobs: list[int] = []
        for process in trial.processes():
            line = " ".join(process.cmdline())
            helper = "resource_tracker" in line or process.name() == "cbc"  # Snakemake's solver
            if helper or process.pid == head:
                continue
            forking = "multiprocessing.forkserver" in line and process.ppid() == head
            (servers if forking else jobs).append(process.pid)
        found = {"head": [head], "server": servers, "job": jobs}[victim]
        if found:
            os.kill(trial.rng.choice(found), number)
            return True
    return False


def full_disk(trial: Trial) -> None:
    """Let the file system become full on which the project is (a small one, mounted by root)."""
    place = trial.folder / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", place], check=True)
    try:
        project = trial.project("disk/project")
        room = shutil.disk_usage(place).used + trial.rng.randrange(sum(_sizes(trial)))
        trial.fault = f"a disk of {room} bytes"
        remount(place, f"remount,size={room}")
        trial.start(project).wait_told(*FULL)
        trial.check_all_ended()
        remount(place, "remount,size=1g")
        trial.finish(project)
    finally:
        unmount(place)


def small_files(trial: Trial) -> None:
    """Let no file grow beyond a size, as on a disk that is nearly full."""
    size = trial.rng.randrange(SHOWN, max(_sizes(trial)))
    trial.fault = f"files of at most {size} bytes"
    project = trial.project()
    command = trial.start(project)
    resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (size, size))
    command.wait_told(*FULL)
    trial.finish(project)


def _sizes(trial: Trial) -> list[int]:
    results = trial.undisturbed.project.path("results")
    return [path.stat().st_size for path in results.rglob("*") if path.is_file()]


def may_mount() -> bool:
    """Return whether this process may mount file systems; root in a container often may not."""
    status = Path("/proc/self/status")
    found = re.search(r"CapEff:\s*(\w+)", status.read_text()) if status.is_file() else None
    return found is not None and bool(int(found[1], 16) >> CAP_SYS_ADMIN & 1)


def remount(place: Path, options: str) -> None:
    """Change how a file system is mounted."""
    subprocess.run(["mount", "-o", options, place], check=True)


def unmount(place: Path) -> None:
    """Take a file system away, also from processes that should have ended and have not."""
    subprocess.run(["umount", "--lazy", place], check=True)
