"""What importing costs: the part that reads results and draws must never load TensorFlow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.parsed_rules import parsed_rules
from helpers.repository import ROOT

from blockscope.runtime.forks.offered import LIBRARIES
from blockscope.runtime.job import WITHOUT_TENSORFLOW

# Imports every module below the given names, in one process, and names the first that loads it.
PROBE = """
import importlib, pkgutil, sys

def load(name):
    module = importlib.import_module(name)
    for heavy in ("tensorflow", "keras"):
        if heavy in sys.modules:
            sys.exit(f"{name} loads {heavy}")
    for child in pkgutil.iter_modules(getattr(module, "__path__", [])):
        load(f"{name}.{child.name}")

for name in sys.argv[1:]:
    load(name)
"""


def probe(*names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROBE, *names], capture_output=True, text=True, check=False
    )


def modules_without_tensorflow() -> list[str]:
    """Return what the import contract says; the contract itself only sees who imports whom."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contract = next(c for c in tool["contracts"] if c["id"] == "without-tensorflow")
    return list(contract["source_modules"])


def test_what_reads_and_draws_loads_no_tensorflow() -> None:
    result = probe("blockscope.autodiff.gradient_overrides", *modules_without_tensorflow())
    assert result.returncode == 0, result.stderr


def test_jobs_that_are_said_to_need_no_tensorflow_are_those_that_need_none() -> None:
    needs_none = set()
    for name, rule in parsed_rules().items():
        script = (ROOT / "workflow" / "scripts" / f"{rule.script}.py").read_text()
        used = re.findall(r"^ +from (blockscope[\w.]*) import (\w+)", script, re.MULTILINE)
        assert used, name
        without = modules_without_tensorflow()
        names = [m if m != "blockscope" else f"{m}.{imported}" for m, imported in used]
        if all(any(n == w or n.startswith(f"{w}.") for w in without) for n in names):
            needs_none.add(name)
    assert needs_none == WITHOUT_TENSORFLOW


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_what_jobs_fork_from_starts_no_thread() -> None:
    code = (
        "import importlib, os, sys\n"
        "from blockscope.runtime.libraries import skip_keras_import, limit_threads\n"
        "limit_threads(1)\nskip_keras_import()\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    for libraries in LIBRARIES.values():
        command = [sys.executable, "-c", code, *libraries]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "1\n"


def test_the_probe_sees_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").touch()
    (tmp_path / "loads.py").write_text("import tensorflow\n")
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROBE}"
    result = subprocess.run(
        [sys.executable, "-c", command, "loads"], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "loads loads tensorflow" in result.stderr
