"""Forked jobs in the whole workflow, compared with jobs that start by themselves."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
import xarray as xr

from blockscope.io import provenance

TARGETS = tuple(
    f"results/tiny/noise/smooth/{name}.h5"
    for name in ("classes/low", "positions/low--block~high", "factors/low-2")
)


@pytest.mark.slow
def test_forked_jobs_make_the_same_and_leave_no_process(workflow_copy, tmp_path):
    made = {}
    for executor in ("local", "forkserver"):
        project = made[executor] = workflow_copy.unmade(tmp_path / executor)
        # Written by the job itself: the name of its process.
        job = project.path("src/blockscope/runtime/job.py").read_text()
        tell = "        main(smk)\n        print('comm:', open('/proc/self/comm').read())\n"
        project.write("src/blockscope/runtime/job.py", job.replace("        main(smk)\n", tell, 1))
        done = project.snakemake("--executor", executor, "--", *TARGETS)
        assert done.returncode == 0, done.stdout
        for stage, name in (("classes", "low"), ("factors", "low-2")):
            log = project.path(f"logs/{stage}/tiny/noise/smooth/{name}.log").read_text()
            assert f"comm: {stage if executor == 'forkserver' else 'python'}" in log
    for project in made.values():
        for stage, name in (("classes", "low"), ("factors", "low-2")):
            peak = _peak(project.path(f"benchmarks/{stage}/tiny/noise/smooth/{name}.tsv"))
            assert 60 < peak < 2000
        facts = [provenance.read(project.path(target)) for target in TARGETS]
        assert ["tensorflow" in each for each in facts] == [True, True, False]
    for target in TARGETS:
        alone, fork = (xr.load_dataset(made[key].path(target)) for key in made)
        xr.testing.assert_identical(alone.drop_attrs(), fork.drop_attrs())
    deadline = time.monotonic() + 30  # it ends with the command, but not at the same moment
    while _processes_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _processes_in(tmp_path)


def _peak(benchmark: Path) -> float:
    """Return the peak memory (MB) in the record of a job."""
    with open(benchmark, newline="") as handle:
        return float(next(csv.DictReader(handle, delimiter="\t"))["max_rss"])


def _processes_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True).is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
