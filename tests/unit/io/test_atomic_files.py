"""Files are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from blockscope.io.atomic_files import (
    atomic_write,
    atomic_write_text,
    remove_unfinished,
    require_file,
    sha256_of,
)
from blockscope.io.errors import BadFile


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Refuse files of more than ``room`` bytes, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    with atomic_write(target) as temporary:
        temporary.write_text("abc")
        assert not target.exists()
        assert temporary.parent == target.parent  # a rename must not cross file systems
        assert temporary.name.startswith(".")
    assert target.read_text() == "abc"
    assert os.listdir(target.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_older_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.txt"
    target.write_text("older")
    with pytest.raises(error), atomic_write(target) as temporary:  # noqa: PT012
        temporary.write_text("newer")
        raise error
    assert target.read_text() == "older"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("older")
    with pytest.raises(OSError, match="File too large") as told, full_disk(1000):
        atomic_write_text(target, "newer" * 1000)
    assert told.value.filename == str(target)
    assert target.read_text() == "older"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_block_that_writes_nothing_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.txt"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 251 + ".tsv", "é" * 125 + ".tsv"])
def test_the_longest_name_of_a_disk_is_written(tmp_path: Path, name: str) -> None:
    atomic_write_text(tmp_path / name, "abc")
    assert (tmp_path / name).read_text() == "abc"


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    texts = [str(number) * 100_000 for number in range(8)]
    writers = [threading.Thread(target=atomic_write_text, args=(target, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert target.read_text() in texts
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_writer_left_is_removed_and_no_more(tmp_path: Path) -> None:
    long = "a" * 50
    names = ("a.h5", "a.h5.h5", "[a].h5", f"{long}1.h5", f"{long}2.h5")
    for name in names:
        with suppress(RuntimeError), atomic_write(tmp_path / name) as temporary:
            temporary.write_text(name)
            temporary.with_name(f"{temporary.name[:-5]}0.part").write_text(name)  # stays
            raise RuntimeError
    assert len(list(tmp_path.iterdir())) == len(names)
    (tmp_path / "a.h5").write_text("whole")
    for name in names:
        remove_unfinished(tmp_path / name)
        left = {path.read_text() for path in tmp_path.glob(".*.part")}
        assert left == set(names[names.index(name) + 1 :])
    assert (tmp_path / "a.h5").read_text() == "whole"
    remove_unfinished(tmp_path / "gone" / "a.h5")


def test_a_reader_of_the_older_file_is_not_disturbed(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("older")
    with open(target) as reader:
        atomic_write_text(target, "newer")
        assert reader.read() == "older"
    assert target.read_text() == "newer"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    atomic_write_text(tmp_path / "whole", "abc")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_text_is_utf8(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\n"


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"^image file '.*gone\.png' does not exist$"):
        require_file(tmp_path / "gone.png", "image file")
    with pytest.raises(BadFile, match=r"^image file '.*' is a folder$"):
        require_file(tmp_path, "image file")
    assert require_file(__file__, "file") == Path(__file__)


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_sha256_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="gone' does not exist"):
        sha256_of(tmp_path / "gone")


def test_sha256_of_a_folder_sees_content_names_and_places(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            path = folder / name.replace("_", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return sha256_of(folder)

    first = digest(a="1", b_c="2")
    assert digest(b_c="2", a="1") == first
    others = [
        digest(a="1", b_c="3"),
        digest(a="1", b_d="2"),
        digest(a="1", c="2"),
        digest(a="2", b_c="1"),
        digest(a="1"),
    ]
    assert len({first, *others}) == 6
