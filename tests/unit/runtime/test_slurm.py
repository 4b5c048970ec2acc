"""A command beside jobs that an earlier one left in SLURM's queue: refused, with their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from helpers.repository import ROOT

from blockscope.runtime.slurm import PREFIX, ActiveJobsError, check_no_active_jobs


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Return a function that puts a squeue that says some text in front of all others."""

    def says(text: str, status: int = 0) -> None:
        program = tmp_path / "bin" / "squeue"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    return says


def test_jobs_of_this_folder_are_named_with_what_cancels_them(queue):
    queue(
        f"11|{PREFIX}_a|/data/mine\n12|{PREFIX}_a|/data/mine/deeper\n13|other_b|/data/mine\n"
        f"14|{PREFIX}_c|/data/theirs\n15|{PREFIX}_d|/data/mine"
    )
    with pytest.raises(ActiveJobsError, match=r"scancel 11 15$"):
        check_no_active_jobs(Path("/data/mine"))
    check_no_active_jobs(Path("/data"))


def test_a_cluster_that_does_not_answer_refuses_nothing(queue, monkeypatch):
    mine = f"11|{PREFIX}_a|/data/mine"
    queue(mine)
    with pytest.raises(ActiveJobsError, match="scancel 11"):
        check_no_active_jobs(Path("/data/mine"))
    queue(mine, status=1)
    check_no_active_jobs(Path("/data/mine"))
    monkeypatch.setenv("PATH", "")
    check_no_active_jobs(Path("/data/mine"))


def test_the_profile_names_its_jobs_so():
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    assert profile["slurm-jobname-prefix"] == PREFIX
