"""The surroundings of a job: threads, log, progress on the terminal, error message."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from blockscope.config.result_paths import RESULTS
from blockscope.config.stages import STAGES
from blockscope.io.atomic_files import remove_unfinished
from blockscope.io.contained_paths import inside
from blockscope.io.errors import BlockscopeError
from blockscope.runtime.container import check_same_code
from blockscope.runtime.failure import MARK
from blockscope.runtime.result_cache import CacheEntry
from blockscope.runtime.stage_names import stage_of

PROGRESS_EVERY = 30.0  # seconds between two lines of progress in a log
LONGEST = 10  # times the runtime that a job asks for
MINUTE = 60.0  # seconds
GRACE = 10.0  # seconds to remove unfinished files
# TensorFlow has threads inside of an operation, and others for operations at the same time, which
# would be as many as there are cores.
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM = "; make room there and repeat the command, which goes on from what is finished"


def run(smk: Any, main: Callable[[Any], None]) -> None:
    """Run the ``main`` of a workflow script, with its output in the job's log.

    The log gets all output, also that of libraries written in C, and of an error the traceback and
    the sentence. The terminal gets what Python writes to stderr (progress bars, warnings) and one
    line for an error, after which the process ends with 1. A result that is kept is copied instead.
    A job that takes much longer than its resource ``runtime`` is ended.

    Parameters
    ----------
    smk
        The object that Snakemake gives to scripts.
    main
        Does the work; called with ``smk``.
    """
    stage = STAGES.get(stage_of(smk.rule))  # None: a rule that another workflow made of ours
    keras = stage is None or stage.needs_keras(smk.params.get("entry"))
    prepare_libraries(int(smk.threads), keras)
    if not sys.stderr.isatty():  # a bar that cannot move is shown now and then only
        os.environ.setdefault("TQDM_MININTERVAL", str(PROGRESS_EVERY))
    with logged(smk.rule, Path(smk.log[0])), limited(smk):
        check_same_code(smk, sys.argv[0])
        _check_places(smk)
        for path in smk.output:
            remove_unfinished(path)
        entries = [entry for entry in (CacheEntry.shared(smk), CacheEntry.finished(smk)) if entry]
        for entry in entries:
            if entry.fetch():
                print(f"taken from {entry.name}: {entry.place}")  # noqa: T201
                return
        main(smk)
        for entry in entries:
            entry.store()


def _check_places(smk: Any) -> None:
    """Refuse to write where a symbolic link below the results leads out of them."""
    kept = (smk.params.get(name) for name in ("progress", "downloads"))
    for path in map(Path, (*smk.output, *filter(None, kept))):
        if RESULTS in path.parts:
            place = path.parts.index(RESULTS) + 1
            inside(Path(*path.parts[:place]), *path.parts[place:])


def prepare_libraries(threads: int, keras: bool = False) -> None:
    """Set what libraries read from the environment when they are imported.

    Parameters
    ----------
    threads
        Threads that a library may start for itself.
    keras
        Whether TensorFlow imports Keras, and scikit-learn and Matplotlib with it: 1.6 of 3.7 s. It
        does not where the older Keras is wanted, which is not installed and which no stage uses.
    """
    for name in THREADS:
        os.environ[name] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # A job without a GPU of its own leaves others their memory there.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not keras:
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


@contextmanager
def logged(stage: str, path: Path) -> Iterator[None]:
    """Send output to a log file within the block; an error ends the process with 1."""
    # A job that is stopped removes its unfinished files, like one that fails.
    signal.signal(signal.SIGTERM, stop)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with (
        open(os.dup(2), "w", encoding="utf-8", errors="replace") as terminal,
        open(path, "w", encoding="utf-8", errors="replace", buffering=1) as log,
    ):
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        tee = TeeStream(terminal, log)
        stderr, sys.stderr = sys.stderr, tee
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the log holds every error
            words = _error_words(error)
            details = "" if isinstance(error, BlockscopeError) else f" (details: {path})"
            print(f"{stage}: {words}{details}", file=terminal, flush=True)
            tee.finish()
            for text in (traceback.format_exc(), f"\n{MARK}{words}\n"):
                with suppress(OSError):  # the disk may be full
                    log.write(text)
            sys.exit(1)
        finally:
            tee.finish()
            sys.stderr = stderr


@contextmanager
def limited(smk: Any) -> Iterator[None]:
    """End this process where the block takes `LONGEST` times as long as the job's ``runtime``.

    A cluster ends it sooner, and a workstation never does. What computes in C is not asked.
    """
    minutes = getattr(getattr(smk, "resources", None), "runtime", None)
    if not isinstance(minutes, (int, float)):  # unknown, as in a dry run
        yield
        return
    timer = threading.Timer(minutes * LONGEST * MINUTE, _end, [smk.rule, minutes])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(stage: str, minutes: float) -> None:
    words = (
        f"{stage} took more than {minutes * LONGEST:g} minutes, {LONGEST} times its runtime, and "
        f"was ended; if it needs longer: snakemake --set-resources {stage}:runtime=MINUTES"
    )
    sys.stderr.write(f"{words}\n")
    with suppress(OSError):  # the disk may be full
        sys.stdout.flush()
        os.write(1, f"\n{MARK}{words}\n".encode())
    os.kill(os.getpid(), signal.SIGTERM)  # which removes unfinished files, unless C is at work
    time.sleep(GRACE)
    os._exit(1)


def stop(number: int, frame: object) -> None:
    """End this process, the answer to a signal: unfinished files are removed, without words."""
    del frame
    signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the removal
    sys.exit(128 + number)


def success_message(gallery: str) -> str:
    """Return the last line of a command that succeeded: where to look."""
    if Path(gallery).is_file():
        return f"Finished. Look at {gallery}"
    return f"Finished. The same command without a target makes the gallery of all runs, {gallery}."


def _error_words(error: Exception) -> str:
    if isinstance(error, BlockscopeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        place = f" '{error.filename}'" if error.filename else ""
        return f"{error.strerror}{place}{ROOM if error.errno in FULL else ''}"
    return f"{type(error).__name__}: {error}"


class TeeStream:
    """Text for the terminal as it comes, and for the log as lines.

    A progress bar redraws its line after a carriage return: the terminal gets every state, the log
    one of them every 30 s and the last. All but writing is done by the terminal.
    """

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self.terminal = terminal
        self.log = log
        self.line = ""
        self.shown = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        """Return what the terminal has, such as its width and whether a bar can move."""
        return getattr(self.terminal, name)

    def write(self, text: str) -> int:
        """Write to both."""
        self.terminal.write(text)
        self.terminal.flush()
        for part in re.split(r"(\r|\n)", text):
            if part == "\n":
                self.finish()
            elif part == "\r":
                if time.monotonic() - self.shown > PROGRESS_EVERY:
                    self.finish()
                self.line = ""
            else:
                self.line += part
        return len(text)

    def finish(self) -> None:
        """Write the line that was begun to the log."""
        if self.line.strip():
            with suppress(OSError):  # the disk may be full
                self.log.write(f"{self.line.rstrip()}\n")
            self.shown = time.monotonic()
        self.line = ""
