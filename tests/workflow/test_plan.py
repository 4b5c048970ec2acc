"""The plan of a project: only what Snakemake would do now, as Snakemake says it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


def plan(project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blockscope", "plan", *arguments],
        cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


def counted(text: str) -> dict[str, int]:
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)  ", text, re.MULTILINE)}


@pytest.mark.slow
def test_the_plan_has_the_jobs_that_snakemake_would_run(project):
    done = plan(project)
    assert (done.returncode, done.stdout) == (
        0,
        "Nothing to do: all results are up to date.\n",
    )
    project.write("labels.json", '["none", "ant", "bee", "cow", "dog", "eel"]')
    said = plan(project).stdout
    jobs = counted(said)
    total = jobs.pop("total")
    assert jobs == project.planned()
    assert total == sum(jobs.values())
    assert "*" not in said, "everything was run here before"


@pytest.mark.slow
def test_a_plan_of_one_file_and_of_other_settings(project):
    target = "results/tiny/noise/none/classes/low.h5"
    assert counted(plan(project, target).stdout) == {"classes": 1, "total": 1}
    settings = project.path("config/config.yaml").read_text()
    project.write("mine.yaml", settings.replace("dpi: 60", "dpi: 100"))
    jobs = counted(plan(project, "--configfile", "mine.yaml").stdout)
    assert set(jobs) == {"panel", "page", "gallery", "total"}


def test_mistakes_in_the_settings_are_told_as_they_are(project):
    project.edit("config/runs.tsv", "block/high", "block/hihg")
    done = plan(project)
    assert done.returncode == 1
    assert "block/hihg" in done.stderr
    assert "nearest" in done.stderr or "valid" in done.stderr
    assert "Traceback" not in done.stderr
