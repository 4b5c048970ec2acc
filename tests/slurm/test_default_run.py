"""The default config through SLURM: the results are those of a run without it.

Asked for are a page, and of one layer the contact sheet and what a data set says of its channels: a
quarter of the jobs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr
from helpers.repository import ROOT

from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile

LIMIT = 1200  # seconds, with the other tests on two cores
TARGETS = (
    "results/figures/two-smooth/index.html",
    "results/blocks1000/two/sprites/mixed5a.html",
    "results/models/blocks1000/channels/mixed5a.html",
)
ON_SLURM = (
    *("--workflow-profile", str(ROOT / "profiles" / "slurm")),
    *("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10"),
)


def snakemake(folder: Path, *arguments: str) -> str:
    """Run the project's own workflow and package in a folder, and return what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def with_settings(folder: Path) -> Path:
    shutil.copytree(ROOT / "config", folder / "config")
    return folder


@pytest.fixture
def local(tmp_path) -> Path:
    """Return the results of a local run: the project's own where they are of this very commit."""
    there = ROOT / "results"
    made_by = {of_commit(path) for path in there.rglob("*") if path.is_file()} - {None}
    here = provenance.git_commit()
    if made_by == {here} and "Nothing to be done" in snakemake(ROOT, "--dry-run"):
        return there
    snakemake(with_settings(tmp_path / "local"), *TARGETS)
    return tmp_path / "local" / "results"


def of_commit(path: Path) -> object:
    try:
        return provenance.read(path).get("git_commit")
    except BadFile:  # a graph, a list of labels
        return None


def files(results: Path) -> dict[str, Path]:
    found = [path for path in results.rglob("*") if path.is_file()]
    assert not [path for path in found if path.name.endswith(".part")]
    return {str(path.relative_to(results)): path for path in found}


def differs(one: Path, other: Path) -> bool:
    if one.read_bytes() == other.read_bytes():
        return False
    if not one.name.endswith((".h5", ".zarr.zip")):
        return True
    arrays = (datasets.read(path).drop_attrs() for path in (one, other))
    try:
        xr.testing.assert_allclose(*arrays, rtol=0, atol=1e-6)
    except AssertionError:
        return True
    return False


def recorded(record: Path, folder: Path, count: int) -> list[str]:
    """Return SLURM's lines on the jobs of a folder; it writes them some time after a job's end."""
    deadline = time.monotonic() + 60
    while True:
        lines = record.read_text().splitlines()
        ours = [line for line in lines if f"WorkDir={folder} " in line]
        if len(ours) >= count or time.monotonic() > deadline:
            return ours
        time.sleep(1)


def test_a_run_on_slurm_gives_what_a_local_run_gives(tmp_path, local, cluster_folder):
    folder = with_settings(tmp_path / "submitted")
    said = snakemake(folder, *TARGETS, *ON_SLURM)
    submitted = set(re.findall(r"submitted with SLURM jobid (\d+)", said))
    ours = recorded(cluster_folder / "finished.txt", folder, len(submitted))
    done = [line for line in ours if "JobState=COMPLETED" in line]
    assert {re.match(r"JobId=(\d+) ", line)[1] for line in done} == submitted
    assert len(ours) == len(submitted) > 1

    here, there = files(folder / "results"), files(local)
    assert set(TARGETS) <= {f"results/{name}" for name in here}
    assert set(here) <= set(there)
    assert [name for name in here if differs(here[name], there[name])] == []
    assert "Nothing to be done" in snakemake(folder, *TARGETS, "--dry-run")
