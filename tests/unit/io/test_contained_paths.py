"""Paths built from a config stay in their folder, also where symbolic links lead out."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockscope.io.atomic_files import sha256_of
from blockscope.io.contained_paths import files_below, inside
from blockscope.io.errors import BadFile


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder `results` of a project in which this process works."""
    (tmp_path / "project" / "results").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return Path("results")


def test_a_path_below_is_returned_as_it_was_given(folder: Path) -> None:
    assert inside(folder, "net", "dog") == Path("results/net/dog")


@pytest.mark.parametrize(
    "names",
    [("..",), ("../../x",), ("a", "../../x"), ("a", "../b"), ("/etc",), (".",), ("",), ("a\0",)],
)
def test_names_that_leave_are_refused(folder: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(BadFile, match=r"' is not inside 'results'"):
        inside(folder, *names)


def test_a_link_below_may_not_leave(folder: Path, tmp_path: Path) -> None:
    (folder / "net").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadFile, match=r"results/net/dog' leads to '.*elsewhere/dog'.*symbolic"):
        inside(folder, "net", "dog")
    (folder / "same").symlink_to("other")
    assert inside(folder, "same", "dog") == folder / "same" / "dog"
    (folder / "loop").symlink_to("loop")
    with pytest.raises(BadFile, match=r"loop/dog' leads nowhere: "):
        inside(folder, "loop", "dog")


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert inside(folder, "net") == Path("results/net")
    with pytest.raises(BadFile, match="' is not inside 'results'"):
        inside(folder, "..", "net")


def test_members_of_a_folder_are_files_or_links_to_files(folder: Path, tmp_path: Path) -> None:
    (folder / "b").write_text("b")
    (folder / "a").symlink_to("b")
    assert list(files_below(folder)) == [folder / "a", folder / "b"]
    whole = sha256_of(folder)
    stored = tmp_path / "elsewhere" / "b10b"
    (folder / "b").rename(stored)
    (folder / "b").symlink_to(stored)
    assert sha256_of(folder) == whole
    stored.write_text("c")
    assert sha256_of(folder) != whole


@pytest.mark.parametrize("target", ["elsewhere", "elsewhere/missing", "/dev/zero", "all"])
def test_a_member_that_leads_to_no_file_elsewhere(
    folder: Path, tmp_path: Path, target: str
) -> None:
    (folder / "all").symlink_to(target if target == "all" else tmp_path / target)
    with pytest.raises(BadFile, match=r"all' leads .*links followed \(cp -rL\)"):
        sha256_of(folder)
