"""The surroundings of a job: its log, its progress on the terminal, its last words."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from blockscope.io.errors import BlockscopeError
from blockscope.runtime.forks.offered import run_script
from blockscope.runtime.libraries import limit_threads, skip_keras_import
from blockscope.runtime.result_cache import Shared

READS_KERAS_FILES = {"model"}  # rules
WITHOUT_TENSORFLOW = {
    "input", "factors", "grid_image", "spritemap", "group_spritemap", "contact_sheet",
    "image_contact_sheet", "panel", "page", "gallery",
}  # fmt: skip
PROGRESS_EVERY = 30.0  # seconds between two lines of progress in a log
FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM = "; make room there and repeat the command, which goes on from what is finished"
FAILED = re.compile(r"^\s+log: (.+?) \(check log file", re.MULTILINE)


def run(smk: Any, main: Callable[[Any], None]) -> None:
    """Run the ``main`` of a workflow script with everything it says in the job's log.

    ``smk`` is the object that Snakemake gives to scripts. The log gets all output, also that of
    libraries written in C, and the traceback of an error; the terminal gets what Python writes to
    stderr (progress bars, warnings) and one short line for an error. Ends the process with 1 then.
    What lies in the folder of shared results is taken from there instead.
    """
    if smk.rule not in READS_KERAS_FILES and int(smk.threads) == 1:
        ended = run_script(sys.argv, "drawing" if smk.rule in WITHOUT_TENSORFLOW else "network")
        if ended is not None:
            sys.exit(ended)
    limit_threads(int(smk.threads))
    if not sys.stderr.isatty():  # a bar that cannot move is shown now and then only
        os.environ.setdefault("TQDM_MININTERVAL", str(PROGRESS_EVERY))
    if smk.rule not in READS_KERAS_FILES:
        skip_keras_import()
    with logged(smk.rule, Path(smk.log[0])):
        shared = Shared.of_job(smk)
        if shared and shared.fetch():
            print(f"taken from the shared results: {shared.place}")  # noqa: T201
            return
        main(smk)
        if shared:
            shared.store()


@contextmanager
def logged(stage: str, path: Path) -> Iterator[None]:
    """Send output to a log file within the block; ends the process with 1 where it fails."""
    # A job that is asked to stop removes its unfinished files like one that fails.
    signal.signal(signal.SIGTERM, _stop)
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with (
        open(os.dup(2), "w", encoding="utf-8", errors="replace") as terminal,
        open(path, "w", encoding="utf-8", errors="replace", buffering=1) as log,
    ):
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        stderr, sys.stderr = sys.stderr, TeeStream(terminal, log)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the log is to hold it
            print(_last_words(stage, error, path), file=terminal, flush=True)
            sys.stderr.finish()
            with suppress(OSError):  # the disk may be full
                traceback.print_exc(file=log)
            sys.exit(1)
        finally:
            if isinstance(sys.stderr, TeeStream):
                sys.stderr.finish()
            sys.stderr = stderr


def success_message(gallery: str) -> str:
    """Return the last line of a command that ended well: where to look."""
    if Path(gallery).is_file():
        return f"Finished. Look at {gallery}"
    return f"Finished. The gallery of all runs, {gallery}, is made by snakemake without a target."


def failure_message(snakemake_log: str) -> str:
    """Return the last lines of a command that failed: which logs to read."""
    try:
        text = Path(snakemake_log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [name for line in FAILED.findall(text) for name in line.split(", ")]
    logs = "".join(f"\n  {name}" for name in dict.fromkeys(names))
    if logs:
        return f"Not finished. Read the log of what failed:{logs}"
    return f"Not finished. Read what Snakemake says above, or {snakemake_log}"


def _stop(number: int, frame: object) -> None:
    del frame
    signal.signal(number, signal.SIG_IGN)  # asked twice, it still removes its unfinished files
    sys.exit(128 + number)


def _last_words(stage: str, error: Exception, path: Path) -> str:
    if isinstance(error, BlockscopeError):
        return f"{stage}: {error}"
    if isinstance(error, OSError) and error.strerror:
        place = f" '{error.filename}'" if error.filename else ""
        advice = ROOM if error.errno in FULL else ""
        return f"{stage}: {error.strerror}{place}{advice} (details: {path})"
    return f"{stage}: {type(error).__name__}: {error} (details: {path})"


class TeeStream(io.TextIOBase):
    """Text for the terminal as it comes, for the log as lines.

    A bar of progress redraws its line after a carriage return: the terminal sees every state, the
    log one of them every 30 s and the last.
    """

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self.terminal = terminal
        self.log = log
        self.line = ""
        self.shown = time.monotonic()

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

    def flush(self) -> None:
        """Flush both."""
        self.terminal.flush()
        self.log.flush()

    def isatty(self) -> bool:
        """Tell whether a bar can move."""
        return self.terminal.isatty()

    def fileno(self) -> int:
        """Return the terminal's number, which tells its width."""
        return self.terminal.fileno()

    def writable(self) -> bool:
        """Say yes."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the terminal, which decides how a bar is drawn."""
        return self.terminal.encoding
