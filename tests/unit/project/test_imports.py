"""What importing costs: the part that reads results and draws must never load TensorFlow."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest
from helpers.parsed_rules import parsed_rules
from helpers.repository import ROOT

from blockscope.config.stages import STAGES
from blockscope.io.code_digest import import_closure

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

# Its registry names the overrides without TensorFlow, and imports it in the functions that run.
ONLY_NAMES = "blockscope.autodiff.gradient_overrides"


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
    result = probe(ONLY_NAMES, *modules_without_tensorflow())
    assert result.returncode == 0, result.stderr


def test_the_stages_that_are_said_to_need_tensorflow_are_those_that_reach_it() -> None:
    graph = grimp.build_graph("blockscope", include_external_packages=True)
    heavy = graph.find_modules_that_directly_import("tensorflow") - {ONLY_NAMES}
    reach_it = {
        rule.name
        for rule in parsed_rules().values()
        if heavy & set(import_closure(ROOT / f"workflow/scripts/{rule.script}.py"))
    }
    assert set(parsed_rules()) == set(STAGES)
    assert reach_it == {name for name, stage in STAGES.items() if stage.library != "none"}


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
