"""Jobs without their start: a process that has imported the libraries, and forks for each job.

A job's script finds the process by the variable ``BLOCKSCOPE_WARM`` (a folder, and the process that
it must not outlive), starts it where there is none yet, hands it the script, the surroundings and
its own input and output, and waits for the end of the fork that runs them. Where no process can be
had, the job runs by itself. The folder is the user's alone, and the process answers no other.

Only libraries are imported before a fork, nothing of this package: a fork runs the code as it is
then. TensorFlow makes its threads when it first computes, which is after the fork.
"""

from __future__ import annotations

import atexit
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
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "BLOCKSCOPE_WARM"
FORKED = "BLOCKSCOPE_FORKED"
LIBRARIES = (
    "numpy", "pandas", "h5py", "h5netcdf", "xarray", "zarr", "PIL.Image", "tensorflow",
    "sklearn.decomposition", "matplotlib.figure", "jinja2",
)  # fmt: skip
IDLE = 120.0  # seconds without a job, after which the process ends
GRACE = 10.0  # seconds for a job that was told to stop
PATIENCE = 120.0  # seconds that a job waits for the imports


def offer() -> None:
    """Let the jobs that this process starts share one process, which ends with this one."""
    if not hasattr(os, "pidfd_open"):  # Linux
        return
    folder = tempfile.mkdtemp(prefix="blockscope-warm-")
    os.environ[VARIABLE] = f"{os.getpid()}:{folder}"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def run_script(arguments: Sequence[str], libraries: Sequence[str] = LIBRARIES) -> int | None:
    """Run a script (the first argument) in a fork and return its exit status.

    None where no process is offered, in a fork, and where none can be had: then nothing was run.
    """
    owner, _, folder = os.environ.get(VARIABLE, "").partition(":")
    if not Path(folder).is_dir() or not folder or FORKED in os.environ:
        return None
    try:
        connection = _connect(Path(folder), owner, libraries)
        surroundings = {"arguments": list(arguments), "cwd": os.getcwd(), "env": dict(os.environ)}
        text = json.dumps(surroundings).encode()
        head = struct.pack("!I", len(text))
        socket.send_fds(connection, [head], [0, 1, 2])
        connection.sendall(text)
    except OSError:
        return None
    signal.signal(signal.SIGTERM, lambda *_: connection.shutdown(socket.SHUT_WR))
    status = _received(connection, 4)
    if len(status) < 4:
        print("the process that jobs are forked from has ended", file=sys.stderr)  # noqa: T201
        return 1
    return int(struct.unpack("!i", status)[0])


def _connect(folder: Path, owner: str, libraries: Sequence[str]) -> socket.socket:
    """Return a connection to the process, which is started where it does not answer."""
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            connection.connect(str(folder / "socket"))
            return connection
        with open(folder / "log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "blockscope.warm", str(folder), owner, *libraries],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                connection.connect(str(folder / "socket"))
                return connection
            time.sleep(0.05)
        connection.close()
    raise ConnectionError(f"no process to fork from; see {folder / 'log'}")


def _received(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            break
        found += part
    return found


@dataclass
class Fork:
    """A job that runs: its process, and whoever waits for it."""

    pid: int
    pidfd: int
    client: socket.socket
    killed_at: float | None = None


class Server:
    """Forks for each job that asks, tells its end, and stops it when who asked is gone."""

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        self.owner = os.pidfd_open(owner)
        self.selector = selectors.DefaultSelector()
        self.forks: dict[int, Fork] = {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "new"))
        self.listener.listen(64)
        os.replace(folder / "new", folder / "socket")  # from here on it can be found
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.owner, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answer until the owner ends, or nothing was asked for a while."""
        asked = time.monotonic()
        while self.forks or time.monotonic() - asked < IDLE or not self._closed():
            for key, _ in self.selector.select(timeout=1.0):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj == self.owner:
                    self._stop_all()
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

    def _closed(self) -> bool:
        """Take the socket away, unless a job is just asking; under the lock that jobs ask with."""
        with open(self.folder / "lock", "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            if self.selector.select(timeout=0):
                return False
            (self.folder / "socket").unlink(missing_ok=True)
            return True

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        _, uid, _ = struct.unpack(
            "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        client.settimeout(5.0)
        try:
            head, streams, _, _ = socket.recv_fds(client, 4, 3)
            text = _received(client, struct.unpack("!I", head)[0])
            asked = json.loads(text)
        except (OSError, ValueError, struct.error):
            client.close()
            return
        if uid != os.getuid():
            client.close()
            return
        pid = os.fork()
        if pid == 0:
            self._become(asked, streams)
        for stream in streams:
            os.close(stream)
        client.settimeout(None)
        fork = Fork(pid, os.pidfd_open(pid), client)
        self.forks[fork.pidfd] = fork
        self.selector.register(fork.pidfd, selectors.EVENT_READ, "ended")
        self.selector.register(client, selectors.EVENT_READ, fork.pidfd)

    def _become(self, asked: dict[str, Any], streams: Sequence[int]) -> None:
        """Run the script in this process, a fork, and end it."""
        status = 1
        try:
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            os.chdir(asked["cwd"])
            os.environ.clear()
            os.environ.update(asked["env"], **{FORKED: "1"})
            sys.argv = asked["arguments"]
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
        _, ended = os.waitpid(fork.pid, 0)
        status = os.waitstatus_to_exitcode(ended)
        with suppress(OSError):
            fork.client.sendall(struct.pack("!i", status if status >= 0 else 128 - status))
        for watched in (fork.pidfd, fork.client):
            with suppress(KeyError, ValueError):
                self.selector.unregister(watched)
        del self.forks[fork.pidfd]
        os.close(fork.pidfd)
        fork.client.close()

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
    """Import the libraries, then serve: ``FOLDER OWNER LIBRARY ...``."""
    folder, owner, *libraries = arguments
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    for library in libraries:
        importlib.import_module(library)
    Server(Path(folder), int(owner)).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
