"""The processes of jobs while a command runs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any


def process_of(stage: str, folder: Path, command: subprocess.Popen[Any]) -> int:
    """Wait for the process that runs a stage's script, a fork with its name, and return its id."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and command.poll() is None:
        for entry in Path("/proc").iterdir():
            try:
                name = (entry / "comm").read_text().strip()
                if name == stage and (entry / "cwd").resolve(strict=True) == folder:
                    return int(entry.name)
            except OSError:
                continue
        time.sleep(0.05)
    raise AssertionError(f"no process of {stage} was seen")
