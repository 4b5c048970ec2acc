"""Stand-ins for the programs of PBS, LSF and SGE: they run a job at once, and forget it at its end.

    python schedulers.py FOLDER SCHEDULER PROGRAM ARGUMENT ...

is such a program. In the folder it keeps what it was told, and a file for each job that runs. A
file named ``kill`` there makes it end the next job without a word, one named ``down`` not answer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PROGRAMS = {
    "pbs": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bqueues", "bkill"),
    "sge": ("qsub", "qstat", "qdel", "qconf"),
}
VARIABLES = {"pbs": "PBS_JOBID", "lsf": "LSB_JOBID", "sge": "JOB_ID"}
ANSWERS = {
    "pbs": "{}",
    "lsf": "Job <{}> is submitted to default queue <normal>.",
    "sge": "{}",
}


def install(scheduler: str, folder: Path) -> None:
    """Write the programs of a scheduler into a folder, which belongs on PATH."""
    folder.mkdir()
    for program in PROGRAMS[scheduler]:
        command = f"'{sys.executable}' -IS '{__file__}' '{folder}' {scheduler} {program}"
        (folder / program).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (folder / program).chmod(0o755)


def submit(folder: Path, scheduler: str, arguments: list[str]) -> str:
    """Run a job script, whose only knowledge of the scheduler is its number."""
    count = len(list(folder.glob("script.*")))
    number = f"{count + 101}.head" if scheduler == "pbs" else str(count + 101)
    script = folder / f"script.{number}"
    script.write_text(sys.stdin.read() if scheduler == "lsf" else Path(arguments[-1]).read_text())
    with suppress(FileNotFoundError):
        (folder / "kill").unlink()
        return number
    surroundings = {key: text for key, text in os.environ.items() if key not in VARIABLES.values()}
    with open(folder / f"said.{number}", "w", encoding="utf-8") as said:
        job = subprocess.Popen(
            ["sh", str(script)],
            env=surroundings | {VARIABLES[scheduler]: number},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    (folder / f"job.{number}").write_text(str(job.pid))
    return number


def runs(folder: Path, number: str) -> bool:
    """Tell whether a job's process is there and has not ended."""
    with suppress(OSError):
        process = (folder / f"job.{number}").read_text()
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def main(folder: Path, scheduler: str, program: str, arguments: list[str]) -> int:
    """Do what one program does; return its exit status."""
    if (folder / "down").exists():
        return 1
    with open(folder / "asked", "a", encoding="utf-8") as asked:
        asked.write(f"{' '.join([program, *arguments])}\n")
    if program in {"qsub", "bsub"}:
        answer = ANSWERS[scheduler].format(submit(folder, scheduler, arguments))
        sys.stdout.write(f"{answer}\n")
    elif program in {"qdel", "bkill"}:
        for number in arguments:
            os.killpg(int((folder / f"job.{number}").read_text()), signal.SIGTERM)
    elif program == "bjobs":
        sys.stdout.write("RUN\n" if runs(folder, arguments[-1]) else "EXIT\n")
    elif program == "qstat" and arguments not in ([], ["-B"]):
        return 0 if runs(folder, arguments[-1]) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
