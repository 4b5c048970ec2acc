"""Jobs that are forks of one process, in the whole workflow."""

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
def test_forked_jobs_make_the_same_and_leave_no_process(workflow_copy, tmp_path, monkeypatch):
    made = {}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for forked in ("false", "true"):
        project = made[forked] = workflow_copy.unmade(tmp_path / forked)
        text = project.path("config/config.yaml").read_text()
        project.write("config/config.yaml", f"{text}\ncompute: {{forked: {forked}}}\n")
        # Written by the job itself: whether it is a fork.
        job = project.path("src/blockscope/runtime/job.py").read_text()
        told = "        main(smk)\n        print('forked:', 'BLOCKSCOPE_FORKED' in os.environ)\n"
        project.write("src/blockscope/runtime/job.py", job.replace("        main(smk)\n", told, 1))
        done = project.snakemake(*TARGETS)
        assert done.returncode == 0, done.stdout
        for stage, name in (("classes", "low"), ("factors", "low-2")):
            log = project.path(f"logs/{stage}/tiny/noise/smooth/{name}.log").read_text()
            assert f"forked: {forked.title()}" in log
    # Snakemake measures forks as well as jobs of their own: those that load TensorFlow are large.
    for key, project in made.items():
        sizes = {
            stage: _peak(project.path(f"benchmarks/{stage}/tiny/noise/smooth/{name}.tsv"))
            for stage, name in (("classes", "low"), ("factors", "low-2"))
        }
        assert sizes["classes"] > 200, (key, sizes)
        assert 60 < sizes["factors"] < sizes["classes"] - 100, (key, sizes)
        facts = [provenance.read(project.path(target)) for target in TARGETS]
        assert ["tensorflow" in each for each in facts] == [True, True, False], key
    for target in TARGETS:
        alone, fork = (xr.load_dataset(made[key].path(target)) for key in ("false", "true"))
        xr.testing.assert_identical(alone.drop_attrs(), fork.drop_attrs())
    assert not list(tmp_path.glob("blockscope-forks-*"))
    deadline = time.monotonic() + 30  # it ends with the command, but not at the same moment
    while _processes_with(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _processes_with(str(tmp_path))


def _peak(benchmark: Path) -> float:
    """Return the peak memory (MB) in the record of a job."""
    with open(benchmark, newline="") as handle:
        return float(next(csv.DictReader(handle, delimiter="\t"))["max_rss"])


def _processes_with(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "blockscope.runtime.forks.server" in command and text in command:
            found.append(command)
    return found
