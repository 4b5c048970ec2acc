"""The campaign of faults: what it checks after a fault can fail."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from types import SimpleNamespace
from typing import cast

import pytest
from helpers.tiny_project import Project

from bench.faults import rounds
from bench.faults import trial as trials
from bench.faults.files import spoil
from bench.faults.rounds import Round, play
from bench.faults.trial import Broken, Missed, Trial, Undisturbed


@pytest.fixture
def trial(tmp_path, monkeypatch) -> Trial:
    monkeypatch.setenv("TMPDIR", os.environ.get("TMPDIR", "/tmp"))  # set back afterwards
    finished = Project(tmp_path / "undisturbed")
    finished.write("results/a.json", json.dumps({"value": 1, "provenance": {"model": "tiny"}}))
    undisturbed = SimpleNamespace(project=finished, seconds=1.0)
    return Trial(cast(Undisturbed, undisturbed), tmp_path / "trial", random.Random(3))


@pytest.fixture
def project(trial) -> Project:
    return trial.project(unmade=False)


def test_equal_results_are_no_fault(trial, project):
    before = project.results()
    trial.check(project)
    assert project.results() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", {"value": 2, "provenance": {"model": "tiny"}}),
        ("a.json", {"value": 1, "provenance": {"model": "other"}}),
        (".b.1.part", {}),
    ],
)
def test_another_result_is_a_fault(trial, project, name, content):
    project.write(f"results/{name}", json.dumps(content))
    with pytest.raises(Broken, match="other results"):
        trial.check(project)


def test_a_temporary_file_that_is_left_is_a_fault(trial, project):
    (trial.temporary / "blockscope-1").mkdir()
    with pytest.raises(Broken, match="left in the temporary folder: blockscope-1"):
        trial.check(project)


def test_a_process_that_is_left_is_a_fault_and_is_ended(trial, project, monkeypatch):
    monkeypatch.setattr(trials, "GONE_WITHIN", 0.1)
    code = "import time; print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as left:
        left.stdout.readline()
        with pytest.raises(Broken, match=f"still at work: {left.pid} "):
            trial.check(project)
    assert left.returncode == -9


def test_a_traceback_is_a_fault(trial):
    trial.note("a sentence")
    with pytest.raises(Broken, match="a traceback in the output"):
        trial.note("Traceback (most recent call last):")


def test_damage_changes_the_content_and_not_the_time(trial, project):
    path = project.path("results/a.json")
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    words = spoil(trial, path)
    assert words.startswith(("a flipped bit in byte ", "the first "))
    assert path.read_bytes() != before
    assert path.stat().st_mtime_ns == changed


def _survives(trial: Trial) -> None:
    trial.fault, trial.told = "a fault", True


def _breaks(trial: Trial) -> None:
    trial.fault = "a fault"
    trial.note("what a command said")
    raise Broken("other results: a.json")


def _comes_too_late(trial: Trial) -> None:
    raise Missed


@pytest.mark.parametrize(
    ("kind", "broken", "missed", "told", "kept"),
    [
        (_survives, None, False, True, False),
        (_breaks, "other results: a.json", False, False, True),
        (_comes_too_late, None, True, False, False),
    ],
)
def test_a_round_says_what_came_of_it(
    trial, tmp_path, monkeypatch, kind, broken, missed, told, kept
):
    monkeypatch.setitem(rounds.KINDS, "odd", kind)
    outcome = play(trial.undisturbed, Round("odd", 5), tmp_path / "rounds")
    assert (outcome.broken, outcome.missed, outcome.told) == (broken, missed, told)
    assert outcome.folder.exists() == kept
    if kept:
        assert (outcome.folder / "said").read_text() == "what a command said"
        assert "odd-5" in str(outcome)
        assert "a fault: other results: a.json" in str(outcome)
