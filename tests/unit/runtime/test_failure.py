"""What a command that failed says at its end: each reason once, and what is finished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blockscope.io.errors import BadFile
from blockscope.runtime.failure import FailedJob, Failure, causes, note_sentence


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def failed(name: str, sentence: str | None, rule="classes") -> FailedJob:
    Path(f"{name}.log").write_text("Traceback\n  File 'a'\nBadFile: other words\n")
    if sentence:
        note_sentence(Path(f"{name}.log"), sentence)
    return FailedJob(rule, f"{name}.log", (f"results/{name}.h5",))


def lines(cause) -> list[str]:
    return [line.strip() for line in str(cause).splitlines()]


def test_jobs_that_fail_for_one_network_are_one_cause():
    words = "model 'sick': 3 weights are not finite"
    found = causes([[failed(f"job{n}", words)] for n in range(10)], since=0)
    assert [lines(cause) for cause in found] == [[words, "log: job0.log (and 9 more)"]]


def test_other_networks_are_other_causes():
    sick = [[failed(name, f"model '{name}': is broken")] for name in ("a", "b")]
    found = causes(sick, since=0)
    assert [cause.sentence for cause in found] == ["model 'a': is broken", "model 'b': is broken"]


def test_a_full_disk_is_one_cause_whatever_was_written():
    first = failed("a", "No space left on device 'results/a.h5'; make room there")
    second = failed("b", "No space left on device 'results/.b.h5.1f3.part'; make room there")
    (cause,) = causes([[first], [second]], since=0)
    assert cause.sentence.startswith("No space left on device 'results/a.h5'")


def test_of_a_submission_only_those_count_that_failed():
    group = [failed("good", None), failed("bad", "why"), failed("later", None)]
    (cause,) = causes([group], since=0)
    assert lines(cause) == ["why", "log: bad.log"]


@pytest.mark.parametrize("sentence", [None, "of an earlier command"])
def test_a_job_that_said_nothing_is_told_as_such(sentence):
    job = failed("a", sentence)
    since = Path("a.log").stat().st_mtime + (1 if sentence else -1)
    (cause,) = causes([[job]], since)
    assert cause.sentence.startswith("classes ended without a word in its log: it was cancelled")
    os.remove("a.log")
    assert causes([[job]], since) == [cause]


def test_a_sentence_of_several_lines_is_whole():
    (cause,) = causes([[failed("a", "2 mistakes:\n- one\n\n- two")]], since=0)
    assert cause.sentence == "2 mistakes:\n- one\n\n- two"


def failure(finished=(), unfinished=(), independent=False, count=1) -> Failure:
    found = causes([[failed(f"job{n}", f"reason {n}")] for n in range(count)], since=0)
    return Failure(found, finished, unfinished, independent)


def gallery(finished) -> Path:
    assert finished
    return Path("gallery.html")


def test_the_report_has_the_cause_the_runs_and_the_next_command():
    said = failure(["a", "b"], ["c"], independent=True).report(gallery)
    assert said.splitlines() == [
        "",
        "Not finished.",
        "",
        "  reason 0",
        "    log: job0.log",
        "",
        "Finished runs: 2 (a, b)",
        "Not finished:  1 (c)",
        "The finished runs, in a gallery that is marked incomplete: gallery.html",
        "What does not depend on this is finished by the same command with --keep-going.",
        "The same command goes on from what is finished.",
    ]


def test_nothing_is_said_of_what_there_is_not():
    said = failure().report(gallery)
    assert "runs" not in said
    assert "--keep-going" not in said
    said = Failure((), ["a"], ["b"], independent=True).report(gallery)
    assert "gallery" not in said
    assert "--keep-going" not in said


def test_a_long_report_is_cut():
    runs = [f"run{n}" for n in range(1000)]
    said = failure([], runs, count=30).report(gallery)
    assert "Finished runs: none" in said
    assert "Not finished:  1000 (run0, run1, " in said
    assert " and 990 more)" in said
    assert "  and 20 other causes" in said
    assert len(said.splitlines()) < 50


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BadFile("is broken")])
def test_a_gallery_that_cannot_be_written_is_told(error):
    def full(finished):
        raise error

    said = failure(["a"], ["b"]).report(full)
    assert f"The gallery of the finished runs could not be written: {error}" in said
