"""Numbers and booleans given by ``--config``: to the command, and by it to its jobs."""

from __future__ import annotations

import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def test_a_plan_with_settings_of_the_command_line(workflow_copy):
    target = "results/tiny/noise/none/classes/low.h5"
    given = ("figure={dpi: 100, interpolate: true}", "compute={memory_mb: 512}")
    assert workflow_copy.planned(target, "--config", *given)["classes"] == 1
    done = workflow_copy.snakemake("--dry-run", target, "--config", "compute={memory_mb: much}")
    assert done.returncode == 1
    assert "compute.memory_mb: must be a whole number, found 'much'" in done.stdout


def test_a_job_reads_what_its_command_was_given(project):
    given = ("--config", "figure={dpi: 60, width_mm: 127}", "compute={memory_mb: 512}")
    picture = "results/figures/one/factors.png"
    assert project.planned(picture, *given) == {"panel": 1}
    done = project.snakemake(picture, *given)
    assert done.returncode == 0, done.stdout
    with Image.open(project.path(picture)) as drawn:
        assert drawn.width == 300
    assert not project.planned(picture, *given)
