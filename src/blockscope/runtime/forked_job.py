"""A job in a process that was forked for it, on the side of that process."""

from __future__ import annotations

import os
import resource
import runpy
import shutil
import signal
import sys
import threading
import time
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypedDict

from blockscope.runtime.job import GRACE, stop
from blockscope.runtime.temporary_folder import use_own


class Used(TypedDict):
    """What a process used, in the words of Snakemake's benchmarks: MiB, seconds, percent x s."""

    max_rss: float
    cpu_time: float
    cpu_usage: float


def run_script(sender: Connection, script: str, smk: Any, scratch: Path) -> None:
    """Run a workflow script as Snakemake would, then send what its process used (``Used``).

    Its temporary files go into the new folder ``scratch``. Where this process is killed, the one
    that asked for it removes that; where both are stopped, this one does.
    """
    # Before the job has a log: a traceback of Python's own answer would be one of the command.
    signal.signal(signal.SIGINT, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # which this process began with
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [script]
    # The name that `top` and `ps -o comm` show.
    Path("/proc/self/comm").write_text(Path(script).stem, encoding="utf-8")
    # A fork does not reach the end of the interpreter, at which libraries remove temporary files.
    _make(scratch)
    try:
        use_own(scratch)
        runpy.run_path(script, init_globals={"snakemake": smk})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report(sender)


def _make(scratch: Path) -> None:
    """Make the folder of temporary files, and that of all jobs, or end with a sentence."""
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(mode=0o700)
    except OSError as error:
        sys.exit(
            f"{sys.argv[0]}: no folder for temporary files can be made in '{scratch.parent}' (the "
            f"resource tmpdir): {error.strerror or error}; give another one by snakemake "
            "--default-resources \"tmpdir='FOLDER'\""
        )


def report(sender: Connection) -> None:
    """Send what this process used until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    sender.send(Used(max_rss=used.ru_maxrss / 1024, cpu_time=seconds, cpu_usage=100 * seconds))


def _end_with_parent() -> None:
    """Stop this process when the command that asked for it ends, even if that was killed."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os.kill(os.getpid(), signal.SIGKILL)
