"""What importing costs: the part that reads results and draws must never load TensorFlow."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.parsed_rules import parsed_rules
from helpers.repository import ROOT

from blockscope.config.stages import STAGES

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


def test_jobs_that_are_said_to_need_no_tensorflow_load_none() -> None:
    assert set(STAGES) == set(parsed_rules())
    modules = set()
    for name, rule in parsed_rules().items():
        script = (ROOT / "workflow" / "scripts" / f"{rule.script}.py").read_text()
        used = re.findall(r"^ +from (blockscope[\w.]+) import", script, re.MULTILINE)
        assert used, name
        modules.update([] if STAGES[name].needs_tensorflow else used)
    result = probe(*modules)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_what_jobs_fork_from_starts_no_thread_and_loads_no_keras() -> None:
    code = (
        "import os, sys\nimport blockscope.runtime.preload\n"
        "print(len(os.listdir('/proc/self/task')), 'tensorflow' in sys.modules, "
        "'keras' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1 True False\n"


def test_the_probe_sees_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").touch()
    (tmp_path / "loads.py").write_text("import tensorflow\n")
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROBE}"
    result = subprocess.run(
        [sys.executable, "-c", command, "loads"], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "loads loads tensorflow" in result.stderr
