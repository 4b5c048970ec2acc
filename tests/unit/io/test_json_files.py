"""JSON files of facts: whole and as they were written, or refused in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from blockscope.io.errors import BadFile
from blockscope.io.json_files import read_facts, write_facts


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "card.json"
    write_facts(path, {"model": "tiny", "outputs": 6})
    return path


def test_facts_are_read_back(written: Path) -> None:
    assert read_facts(written, "card") == {"model": "tiny", "outputs": 6}


def denied(path: Path, *_: object, **__: object) -> str:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_file_that_may_not_be_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid():
        written.chmod(0)
    else:  # root may read anything
        monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(BadFile, match=r"^card '.*card\.json' cannot be read: .*Permission denied"):
        read_facts(written, "card")


@pytest.mark.parametrize("content", [b"[3]", b"{", b"\xff", b"[" * 100_000])
def test_what_holds_no_facts(written: Path, content: bytes) -> None:
    written.write_bytes(content)
    with pytest.raises(BadFile, match=r"^card '.*card\.json' cannot be read: "):
        read_facts(written, "card")
