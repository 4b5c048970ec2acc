"""The workflow by profiles/cluster, on stand-ins for PBS, LSF and SGE."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import xarray as xr
from helpers import schedulers
from helpers.tiny_project import Project

TARGET = "results/tiny/noise/smooth/factors/low-2.h5"
WAITS = ["--seconds-between-status-checks", "1", "--latency-wait", "10"]


class Submitted(Project):
    """A tiny project whose commands go through the profile."""

    @property
    def programs(self) -> Path:
        return self.folder.parent / "programs"

    @property
    def command(self) -> list[str]:
        profile = ["--workflow-profile", "profiles/cluster"]
        return [sys.executable, "-m", "snakemake", *profile, *WAITS]

    @property
    def environment(self) -> dict[str, str]:
        more = {"PATH": f"{self.programs}:{os.environ['PATH']}", "PATIENCE": "1"}
        return super().environment | more


@pytest.mark.slow
@pytest.mark.parametrize(("scheduler", "killed"), [("pbs", 1), ("lsf", 0), ("sge", 0)])
def test_jobs_are_submitted_and_those_that_are_killed_again(
    workflow_copy, tmp_path, scheduler, killed
):
    workflow_copy.unmade(tmp_path / "work")
    project = Submitted(tmp_path / "work")
    schedulers.install(scheduler, project.programs)
    if killed:
        (project.programs / "kill").touch()
    done = project.snakemake("--", TARGET)
    assert done.returncode == 0, done.stdout

    # Activations, classes and factors of the image are one submission; one that is killed is made
    # again. The plugin asks for the first time after 40 s.
    asked = project.path("../programs/asked").read_text()
    memory = [int(mb) for mb in re.findall(r"(?:\bmem|mem_free)=(\d+)[Mm]", asked)]
    assert memory == [3548, 2 * 3548][: 1 + killed]
    assert "blockscope_GROUP" in asked
    assert "gpu" not in asked
    assert [path.read_text() for path in project.path("logs/cluster").glob("*.ended")] == ["0\n"]

    at_once = workflow_copy.unmade(tmp_path / "at-once")
    done = at_once.snakemake("--", TARGET)
    assert done.returncode == 0, done.stdout
    here, there = (xr.load_dataset(each.path(TARGET)) for each in (project, at_once))
    xr.testing.assert_identical(here.drop_attrs(), there.drop_attrs())
    assert Project(project.folder).planned("--", TARGET) == {}
