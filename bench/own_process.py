"""Modules of this folder run in a process of their own, of this version or an older one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
ROOT = Path(__file__).resolve().parent.parent


def in_own_process(
    module: str, arguments: Sequence[str], given: Any = None, before: Path | None = None
) -> dict[str, Any]:
    """Run a module with arguments, `given` as JSON on its standard input, and read what it prints.

    Its last line is JSON. With ``before``, a checkout of an older version, that version's package
    is measured, by its own module of this name where it has one.
    """
    checkout = before or ROOT
    has_it = checkout.joinpath(*module.split(".")).with_suffix(".py").exists()
    benches = checkout if has_it else ROOT
    sources = (checkout / "src", benches)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=benches,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)}:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_gib() -> float:
    """Return the largest memory of this process in GiB.

    Not by ``resource``: what that says is at least what the parent had when it started this one.
    """
    (kib,) = [line.split()[1] for line in STATUS.read_text().splitlines() if "VmHWM" in line]
    return int(kib) / 2**20
