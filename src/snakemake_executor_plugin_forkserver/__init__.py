"""Snakemake's executor ``forkserver``: jobs on this machine, without the time of their start.

A job of blockscope computes for half a second, and its libraries take seconds to import. So this
executor starts one process that imports them, and forks the process of each job from it, by the
method ``forkserver`` of ``multiprocessing``. What it cannot fork runs as with Snakemake's own
executor ``local``: Keras files, several threads, environments for a rule, other platforms.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.benchmark import BenchmarkRecord, write_benchmark_records
from snakemake.exceptions import SpawnedJobError, WorkflowError
from snakemake.executors.local import Executor as LocalExecutor
from snakemake.executors.local import common_settings, run_wrapper
from snakemake.sourcecache import LocalSourceFile, infer_source_file

from blockscope.config.stages import STAGES
from blockscope.runtime.failure import note_sentence
from blockscope.runtime.forked_job import Used, report, run_script

__all__ = ["Executor", "common_settings"]

PRELOADED = "blockscope.runtime.preload"
KILL = signal.SIGKILL
NOT_BEGUN = "was not begun: the process that it was to be forked from ended"
OUT_OF_MEMORY = ", as the system does where memory runs out"


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Let a process that is started here begin with interrupts blocked.

    Ctrl-C reaches it before Python can be told to leave it to the jobs, and Python would answer.
    """
    # Where multiprocessing starts this first, it allows interrupts afterwards, whatever was before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Executor(LocalExecutor):  # type: ignore[misc]
    """Runs scripts of stages as forks, and everything else as the executor ``local`` does."""

    def __post_init__(self) -> None:
        """Start nothing yet: this may be the executor of a process that only submits."""
        super().__post_init__()
        self.started: Future[bool] | None = None
        self.lock = threading.Lock()  # multiprocessing expects all from one thread

    def run_single_job(self, job: Any) -> Future[None]:
        """Run a job in a thread of the pool that waits for its process."""
        script = self._script_to_fork(job)
        if self.started is None and any(map(self._script_to_fork, self.dag.needrun_jobs())):
            self._start()  # imports while the first jobs run
        future: Future[None]
        if script is None:
            future = super().run_single_job(job)
        else:
            run, arguments = partial(self._run_forked, job, script), self.job_args_and_prepare(job)
            future = self.pool.submit(self.cached_or_run, job, run, *arguments)
        return future

    def _start(self) -> None:
        self.forkserver = multiprocessing.get_context("forkserver")
        self.forkserver.set_forkserver_preload([PRELOADED])
        main = sys.modules["__main__"]
        if main.__spec__ is None:  # the command snakemake; with this, no fork imports it again
            main.__spec__ = ModuleSpec("snakemake.__main__", None)
        self.started = self.pool.submit(self._is_usable)

    def _is_usable(self) -> bool:
        """Tell whether processes can be forked, after the imports."""
        try:
            return self._run(report)[0] == 0
        except (OSError, EOFError) as error:
            why = str(error) or "the process to fork from ended"
            # In one piece: what Snakemake prints has no arguments filled in.
            message = f"Jobs are not forked, so that each takes seconds longer: {why}."
            self.logger.warning(message)
            return False

    def _script_to_fork(self, job: Any) -> Path | None:
        if sys.platform != "linux" or job.rule.script is None:
            return None
        path = infer_source_file(job.rule.script, job.rule.basedir)
        stage = STAGES.get(Path(path.get_filename()).stem)
        if not isinstance(path, LocalSourceFile) or stage is None:
            return None
        if stage.needs_keras(job.params.get("entry")):
            return None
        workflow = self.workflow
        needs_more = (
            job.threads > 1
            or job.is_shadow
            or (job.benchmark_repeats or 1) > 1
            or job.conda_env
            or job.container_img
            or job.env_modules
            or workflow.output_settings.benchmark_extended
        )
        return None if needs_more else Path(path.get_path_or_uri(secret_free=True)).resolve()

    def _run_forked(self, job: Any, script: Path, *arguments: Any) -> None:
        if self.started is None or not self.started.result():
            run_wrapper(*arguments)
            return
        names = ("rule", "input", "output", "params", "wildcards", "threads", "resources", "log")
        smk = SimpleNamespace(**dict(zip(names, arguments, strict=False)))
        smk.rule = job.rule.name
        began = time.time()
        scratch = Path(smk.resources.tmpdir, f"blockscope-{uuid.uuid4().hex}")
        try:
            status, used = self._run(run_script, str(script), smk, scratch)
        except (OSError, EOFError) as error:
            self._note(job, f"{job.rule.name} {NOT_BEGUN}")
            raise WorkflowError(f"A job of rule {job.rule.name} {NOT_BEGUN}.") from error
        shutil.rmtree(scratch, ignore_errors=True)  # of a job that was killed
        if status < 0:
            killed = f"{job.rule.name} was killed by {signal.Signals(-status).name}"
            self._note(job, killed + (OUT_OF_MEMORY if -status == KILL else ""))
            raise WorkflowError(f"A job of rule {killed}.")
        if status or used is None:
            raise SpawnedJobError  # the job has said why
        if job.benchmark is not None:
            record = BenchmarkRecord(running_time=time.time() - began, **used)
            record.data_collected = True
            write_benchmark_records([record], str(job.benchmark), False)

    @staticmethod
    def _note(job: Any, sentence: str) -> None:
        for log in job.log:
            note_sentence(Path(log), sentence)

    def _run(self, target: Any, *arguments: Any) -> tuple[int, Used | None]:
        """Run a function in a fork; return its exit status, or minus a signal, and what it used."""
        receiver, sender = self.forkserver.Pipe(duplex=False)
        process = self.forkserver.Process(target=target, args=(sender, *arguments), daemon=True)
        with receiver:
            with sender, self.lock, interrupts_blocked():
                process.start()
            wait([process.sentinel])
            with self.lock:
                process.join()
            status = process.exitcode or 0
            return status, None if status else receiver.recv()
