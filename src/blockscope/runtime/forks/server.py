"""The process that jobs are forked from: ``python -m blockscope.runtime.forks.server``.

Only libraries are imported before a fork, nothing of this package that a job uses: a fork runs the
code as it is then. A fork has none of its parent's other threads, so there may be none: TensorFlow
makes its threads, and first touches a GPU, when it first computes, which is after the fork.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blockscope.runtime.forks.measured import Note
from blockscope.runtime.forks.offered import FORKED, received
from blockscope.runtime.libraries import limit_threads, skip_keras_import

IDLE = 120.0  # seconds without a job, after which the process ends
GRACE = 10.0  # seconds for a job that was told to stop
STOPS = {signal.SIGTERM, signal.SIGINT}


@dataclass
class Fork:
    """A job that runs: its process, and whoever waits for it."""

    pid: int
    pidfd: int
    client: socket.socket
    waiting: Sequence[int]  # the client's number and its parent's
    killed_at: float | None = None


class Server:
    """Forks for each job that asks, tells its end, and stops it when who asked is gone.

    It is of the process group of its jobs: what ends them as a group ends it and its forks too.
    """

    def __init__(self, path: Path, owner: int) -> None:
        self.path = path
        self.asked_to_stop = False
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the forks by itself
        self.owner = os.pidfd_open(owner)
        self.selector = selectors.DefaultSelector()
        self.forks: dict[int, Fork] = {}
        self.listener = socket.socket(socket.AF_UNIX)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        self.listener.bind(str(new))
        self.listener.listen(64)
        os.replace(new, path)  # from here on it can be found
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.owner, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until the owner ends, or nothing was asked for a while."""
        asked = time.monotonic()
        while self.forks or time.monotonic() - asked < IDLE or not self._closed():
            if self.asked_to_stop:
                self._stop_all()
                return
            for key, _ in self.selector.select(timeout=1.0):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj == self.owner:
                    self._stop_all()
                    shutil.rmtree(self.path.parent, ignore_errors=True)  # if it could not itself
                    return
                elif key.data == "ended":
                    self._tell(self.forks[key.fd])
                elif isinstance(key.data, int) and key.data in self.forks:  # the client is gone
                    self.selector.unregister(key.fileobj)
                    self._stop(self.forks[key.data], signal.SIGTERM)
                asked = time.monotonic()
            for fork in self.forks.values():
                if fork.killed_at and time.monotonic() - fork.killed_at > GRACE:
                    self._stop(fork, signal.SIGKILL)

    def _ask_to_stop(self, number: int, frame: object) -> None:
        del number, frame
        self.asked_to_stop = True

    def _closed(self) -> bool:
        """Take the socket away, unless a job is just asking; under the lock that jobs ask with."""
        with open(self.path.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            if self.selector.select(timeout=0):
                return False
            self.path.unlink(missing_ok=True)
            return True

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        _, uid, _ = struct.unpack(
            "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        client.settimeout(5.0)
        try:
            head, streams, _, _ = socket.recv_fds(client, 4, 3)
            text = received(client, struct.unpack("!I", head)[0])
            asked = json.loads(text)
        except (OSError, ValueError, struct.error):
            client.close()
            return
        if uid != os.getuid():
            client.close()
            return
        # A signal that comes just now is for the fork as a job gets it, not as this process does.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        pid = os.fork()
        if pid == 0:
            self._become(asked, streams)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        for stream in streams:
            os.close(stream)
        client.settimeout(None)
        fork = Fork(pid, os.pidfd_open(pid), client, asked["waiting"])
        self._note(fork, Note(pid))
        self.forks[fork.pidfd] = fork
        self.selector.register(fork.pidfd, selectors.EVENT_READ, "ended")
        self.selector.register(client, selectors.EVENT_READ, fork.pidfd)

    def _become(self, asked: dict[str, Any], streams: Sequence[int]) -> None:
        """Run the script in this process, a fork, and end it."""
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            os.chdir(asked["cwd"])
            os.environ.clear()
            os.environ.update(asked["env"], **{FORKED: "1"})
            sys.argv = asked["arguments"]
            # What `top` and `ps -o comm` show: the stage, without what Snakemake puts before it.
            Path("/proc/self/comm").write_text(Path(sys.argv[0]).stem.rpartition(".")[2])
            runpy.run_path(sys.argv[0], run_name="__main__")
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)  # noqa: T201
        except BaseException:  # noqa: BLE001 - it is told as the interpreter tells it
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _tell(self, fork: Fork) -> None:
        """Tell the one who waits how a job ended: its status, or 128 and the signal."""
        _, ended, used = os.wait4(fork.pid, 0)
        status = os.waitstatus_to_exitcode(ended)
        self._note(fork, Note(fork.pid, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime))
        with suppress(OSError):
            fork.client.sendall(struct.pack("!i", status if status >= 0 else 128 - status))
        for watched in (fork.pidfd, fork.client):
            with suppress(KeyError, ValueError):
                self.selector.unregister(watched)
        del self.forks[fork.pidfd]
        os.close(fork.pidfd)
        fork.client.close()

    def _note(self, fork: Fork, note: Note) -> None:
        with suppress(OSError):  # of a full disk, or of a folder that has just gone
            for number in fork.waiting:
                note.write(self.path.parent, number)

    def _stop(self, fork: Fork, how: signal.Signals) -> None:
        fork.killed_at = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(fork.pid, how)

    def _stop_all(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            for fork in self.forks.values():
                self._stop(fork, how)
            deadline = time.monotonic() + GRACE
            while self.forks and time.monotonic() < deadline:
                for fork in list(self.forks.values()):
                    if os.waitid(os.P_PIDFD, fork.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                        self._tell(fork)
                time.sleep(0.05)


def main(arguments: Sequence[str]) -> None:
    """Import the libraries, then serve: ``SOCKET OWNER LIBRARY ...``."""
    path, owner, *libraries = arguments
    limit_threads(1)
    skip_keras_import()
    for library in libraries:
        importlib.import_module(library)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"the imports started {threads - 1} threads, which a fork would not have")
    Server(Path(path), int(owner)).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
