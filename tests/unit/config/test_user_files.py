"""Digests of the user's files: read once, and again whatever a changed file's time is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from blockscope.config import user_files
from blockscope.config.user_files import UserFiles
from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadFile


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "dog.png").write_bytes(b"a dog")
    return tmp_path / "facts/files.json"


def test_an_older_file_in_its_place_has_another_digest(store, tmp_path):
    dog, cat = tmp_path / "dog.png", tmp_path / "cat.png"
    first = UserFiles(store).content([str(dog)])
    assert first == [sha256_of(dog)]
    cat.write_bytes(b"a cat")  # of the same size
    os.utime(cat, (1_000_000_000, 1_000_000_000))
    cat.replace(dog)
    assert UserFiles(store).content([str(dog)]) == [sha256_of(dog)] != first


def test_a_file_is_read_once_by_all_commands(store, tmp_path, monkeypatch):
    dog = str(tmp_path / "dog.png")
    first = UserFiles(store).content([dog, dog])
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("it was read again"))
    before = store.stat().st_mtime_ns
    assert UserFiles(store).content([dog, dog]) == first
    assert store.stat().st_mtime_ns == before


def test_what_is_not_there_yet_has_no_digest_and_what_cannot_be_read_is_told(
    store, tmp_path, monkeypatch
):
    assert UserFiles(store).content([str(tmp_path / "later.png")]) == [""]

    def forbidden(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(user_files, "sha256_of", forbidden)
    with pytest.raises(BadFile, match=r"dog.png' cannot be read: Permission denied; allow it"):
        UserFiles(store).content([str(tmp_path / "dog.png")])
