"""What was made of a file that is lost is marked as incomplete in Snakemake's records."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import IOFile
from snakemake.persistence import MetadataRecord
from snakemake.persistence.file import FilePersistence

from blockscope.io.errors import BadFile
from blockscope.runtime import result_cache
from blockscope.runtime.lost_results import mark_outdated, restore_or_mark

DIGEST = f"'{'0e' * 32}'"  # as the parameters of every rule have one
LONG = "results/" + "a-long-name-of-an-image/" * 12 + "c.h5"  # longer than a file name may be


@pytest.fixture
def records(tmp_path, monkeypatch) -> FilePersistence:
    """Return records of files of which b was made of a, and LONG and d of b; e of itself."""
    monkeypatch.chdir(tmp_path)
    found = FilePersistence(nolock=True)
    for path, made_of in {"b": ["a"], LONG: ["b", "x"], "d": ["b"], "e": ["x"]}.items():
        found._write_record(path, MetadataRecord(input=made_of, params=[DIGEST]))
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    return found


def job(*outputs: str) -> SimpleNamespace:
    return SimpleNamespace(
        output=[IOFile(path) for path in outputs], input=["x"], params={}, wildcards={},
        rule=SimpleNamespace(name="panel"), is_group=lambda: False, resources={},
    )  # fmt: skip


def marked(records: FilePersistence) -> set[str]:
    records._clear_cache()
    return records._filter_incomplete_keys(["a", "b", LONG, "d", "e"])


def failed(records: FilePersistence, *jobs: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(persistence=records, scheduler=SimpleNamespace(failed=jobs))


def test_all_that_was_made_of_it_directly_or_not_is_marked(records):
    assert restore_or_mark(failed(records, job("a"))) is None
    assert marked(records) == {"a"}
    mark_outdated()
    assert marked(records) == {"a", "b", LONG, "d"}


def test_a_file_that_is_gone_is_not_marked_but_what_was_made_of_it(records):
    records.started(job("a"))
    Path("b").unlink()
    mark_outdated()
    assert marked(records) == {"a", LONG, "d"}


def test_a_recorded_file_that_is_gone_without_a_mark(records):
    Path("b").unlink()
    mark_outdated()
    assert marked(records) == {LONG, "d"}


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"params": 3}'])
def test_a_record_that_was_cut_off_is_of_a_file_that_is_lost(records, kept):
    Path("b").unlink()
    record = next(path for path in Path(".snakemake/metadata").iterdir() if path.name == "Yg==")
    record.write_text(kept)
    mark_outdated()
    assert marked(records) == ({LONG, "d"} if kept != '{"params": 3}' else set())


def test_temporary_files_of_another_workflow_and_files_in_a_storage_are_not_lost(records):
    records._write_record("a", MetadataRecord(input=["x"], params=["'0e'", "3"]))
    records._write_record("s3://b/f", MetadataRecord(input=["x"], params=[DIGEST]))
    records._write_record("e", MetadataRecord(input=["s3://b/f"], params=[DIGEST]))
    mark_outdated()
    assert marked(records) == set()


def test_nothing_is_marked_while_another_command_is_at_work(records):
    Path("b").unlink()
    lock = Path(".snakemake/locks/0.input.lock")
    lock.touch()
    mark_outdated()
    assert marked(records) == set()
    lock.unlink()
    mark_outdated()
    assert marked(records) == {LONG, "d"}


def test_marks_that_cannot_be_written_end_the_command(records, monkeypatch):
    def full(self, job):
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("b").unlink()
    monkeypatch.setattr(FilePersistence, "started", full)
    with pytest.raises(
        BadFile, match=r"such as 'b', and .* as out of date: No space left on device '\.snakemake'"
    ):
        mark_outdated()


def test_a_file_that_is_there_outdates_nothing(records):
    Path("a").touch()
    records.started(job("a"))
    mark_outdated()
    assert marked(records) == {"a"}


def test_nothing_is_read_or_written_where_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mark_outdated()
    assert not list(tmp_path.iterdir())


def test_what_is_kept_of_a_job_is_put_back_and_not_marked(records):
    Path("x").write_text("input")
    done = job("a")
    smk = SimpleNamespace(**{**vars(done), "rule": "panel"})
    Path("a").write_text("result")
    result_cache.CacheEntry.finished(smk, result_cache.FINISHED).store()
    Path("a").unlink()
    assert restore_or_mark(failed(records, done, job("d"))) is None
    assert Path("a").read_text() == "result"
    assert marked(records) == {"d"}
    Path("x").write_text("another input")
    restore_or_mark(failed(records, done))
    assert marked(records) == {"a", "d"}


def test_a_full_disk_is_told(records, monkeypatch):
    def full(job):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(records, "started", full)
    said = restore_or_mark(failed(records, job("a")))
    assert said is not None
    assert "marked as out of date (No space left on device): make room" in said
    assert "without a target" in said
