"""A process to fork from: offered to the jobs of a command, started by the first that asks.

A job's script finds it by the variable ``BLOCKSCOPE_FORKS`` (a folder, and the process that it must
not outlive), hands it the script, the surroundings and its own input and output, and waits for the
end of the fork that runs them. Where none can be had, the job runs by itself. The folder is the
user's alone, and the process answers no other.

There are two kinds of it, so that a job that only draws is not given the memory of TensorFlow, nor
records a version of it.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

VARIABLE = "BLOCKSCOPE_FORKS"
FORKED = "BLOCKSCOPE_FORKED"  # set in a fork
READS = ("numpy", "h5py", "h5netcdf", "xarray", "zarr")
LIBRARIES: Mapping[str, Sequence[str]] = {
    "network": (*READS, "tensorflow"),
    "drawing": (*READS, "PIL.Image", "sklearn.decomposition", "matplotlib.figure", "jinja2"),
}
SERVER = "blockscope.runtime.forks.server"
PATIENCE = 120.0  # seconds that a job waits for the imports
LONGEST = 80  # characters of the folder: the address of a socket has 107


def offer() -> None:
    """Let the jobs that this process starts share processes, which end with this one."""
    if not hasattr(os, "pidfd_open"):  # Linux
        return
    folder = tempfile.mkdtemp(prefix="blockscope-forks-")
    if len(folder) > LONGEST:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="blockscope-forks-", dir="/tmp")
    os.environ[VARIABLE] = f"{os.getpid()}:{folder}"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def folder_offered() -> Path | None:
    """Return the folder of what is offered; None where nothing is."""
    _, _, folder = os.environ.get(VARIABLE, "").partition(":")
    return Path(folder) if folder and Path(folder).is_dir() else None


def run_script(
    arguments: Sequence[str], kind: str, libraries: Mapping[str, Sequence[str]] = LIBRARIES
) -> int | None:
    """Run a script (the first argument) in a fork and return its exit status.

    ``kind``: which of the ``libraries`` it finds imported. None where no process is offered, in a
    fork, and where none can be had: then nothing was run.
    """
    folder = folder_offered()
    if not folder or FORKED in os.environ or (folder / f"{kind}.refused").exists():
        return None
    try:
        connection = _connect(folder, kind, libraries[kind])
        asked = {
            "arguments": list(arguments),
            "cwd": os.getcwd(),
            "env": dict(os.environ),
            "waiting": [os.getpid(), os.getppid()],
        }
        text = json.dumps(asked).encode()
        socket.send_fds(connection, [struct.pack("!I", len(text))], [0, 1, 2])
        connection.sendall(text)
    except OSError:
        return None
    # Who asks to stop with SIGTERM asks the fork; Ctrl-C reaches the fork by itself.
    signal.signal(signal.SIGTERM, lambda *_: connection.shutdown(socket.SHUT_WR))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = received(connection, 4)
    if len(status) < 4:
        print("the process that jobs are forked from has ended", file=sys.stderr)  # noqa: T201
        return 1
    return int(struct.unpack("!i", status)[0])


def _connect(folder: Path, kind: str, libraries: Sequence[str]) -> socket.socket:
    """Return a connection to the process, which is started where it does not answer."""
    with open(folder / f"{kind}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            connection.connect(str(folder / kind))
            return connection
        owner = os.environ[VARIABLE].partition(":")[0]
        with open(folder / f"{kind}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", SERVER, str(folder / kind), owner, *libraries],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError):
                connection.connect(str(folder / kind))
                return connection
            time.sleep(0.02)
        connection.close()
        process.kill()
        (folder / f"{kind}.refused").touch()  # the next job does not wait for it again
    raise ConnectionError(f"no process to fork from; see {folder / f'{kind}.log'}")


def received(connection: socket.socket, count: int) -> bytes:
    """Return so many bytes; fewer where the other side ends before."""
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            break
        found += part
    return found
