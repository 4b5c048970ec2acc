"""Every kind of file says where it comes from, and git is asked the right question."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import blockscope
from blockscope.io import datasets, images, provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.errors import BadFile

FACTS: provenance.Facts = {
    "created_by": "factors",
    "model": "007",
    "image": 'ü "quoted" \\ (a) <b> & c',
    "layer": "mixed4d/join",
    "override": "NaN",
    "note": "true",
    "lines": "one\ntwo: #3",
    "empty": "",
    "n": 2,
    "relative_error": 0.1 + 0.2,
    "tiny": -1e-300,
    "seed": 0,
}


def dataset() -> xr.Dataset:
    return xr.Dataset({"a": ("x", np.ones(3, "f4"))}, attrs=dict(FACTS))


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.b.h5": lambda path: datasets.write_h5(path, dataset()),
    "a.zarr.zip": lambda path: datasets.write_zarr(path, dataset()),
    "a.png": lambda path: images.write_png(path, np.zeros((2, 3, 3), np.uint8), dict(FACTS)),
    "a.tsv": lambda path: atomic_write_text(path, provenance.tsv_header(FACTS) + "factor\n1\n"),
    "model.json": lambda path: atomic_write_text(path, json.dumps({"provenance": FACTS})),
}


@pytest.mark.parametrize("name", WRITERS)
def test_facts_come_back_with_their_types(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    found = provenance.read(tmp_path / name)
    assert found == FACTS
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in FACTS.items()
    }


def test_a_table_is_read_by_others_too(tmp_path: Path) -> None:
    import pandas as pd

    WRITERS["a.tsv"](tmp_path / "a.tsv")
    table = pd.read_csv(tmp_path / "a.tsv", sep="\t", comment="#")
    assert table.to_dict("list") == {"factor": [1]}
    assert "# layer: mixed4d/join\n# override" in (tmp_path / "a.tsv").read_text()


def test_a_record_names_stage_and_software() -> None:
    facts = provenance.record("classes", model="m", image=None, n=3)
    assert list(facts)[:3] == ["created_by", "model", "n"]
    assert facts["created_by"] == "classes"
    assert facts["blockscope"] == blockscope.__version__
    assert facts["seed"] == 0
    assert "image" not in facts
    assert provenance.record("training", seed=7)["seed"] == 7


def test_a_stage_that_computes_with_tensorflow_says_so() -> None:
    software = {"tensorflow": "2.x", "device": "CPU"}
    assert software.items() <= provenance.record("classes", software, model="m").items()
    assert not software.keys() & provenance.record("factors", model="m").keys()


def test_a_later_stage_inherits_model_and_image() -> None:
    assert provenance.inherited(FACTS) == {
        key: FACTS[key] for key in ("model", "image", "layer", "override")
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", r"a\.txt' is not a result file; valid endings: \.h5, \.zarr\.zip, \.png"),
        ("a.zip", b"", "is not a result file"),
        ("a.h5", b"", "does not end in its checksum"),
        ("a.zarr.zip", b"PK", "does not end in its checksum"),
        ("a.png", b"words", "cannot be read"),
        ("a.json", b"{", "cannot be read"),
        ("a.json", b"[]", "has no provenance record"),
        ("a.json", b'{"provenance": 3}', "has no provenance record"),
        ("a.tsv", b"factor\n1\n", "has no provenance record"),
        ("a.tsv", b"# a: \xff\n", "cannot be read"),
        ("a.html", b"<p>", "has no provenance record"),
        ("a.html", b'<i id="blockscope-provenance">{"a"</i>', "has no provenance record"),
        ("a.html", b'<i id="blockscope-provenance">"created_by"</i>', "has no provenance record"),
        ("a.svg", b"<dc:description>A drawing</dc:description>", "has no provenance record"),
        ("a.pdf", b"%PDF /Keywords (one, two)", "has no provenance record"),
        ("a.pdf", b"", "has no provenance record"),
    ],
)
def test_what_says_nothing_is_reported(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=message):
        provenance.read(tmp_path / name)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"file '.*gone\.h5' does not exist"):
        provenance.read(tmp_path / "gone.h5")
    with pytest.raises(BadFile, match="is a folder"):
        provenance.read(tmp_path)


# --- git -------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a package in src/, as this project has."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "checkout" / "src" / "blockscope"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    folder = tmp_path / "checkout"
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


@pytest.fixture
def commit_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Return a function that asks for the commit as if the package ran from another folder."""

    def ask(folder: Path) -> str:
        monkeypatch.setattr(blockscope, "__file__", str(folder / "src/blockscope/__init__.py"))
        return provenance.git_commit.__wrapped__()

    return ask


def test_the_commit_of_a_checkout_and_its_changes(checkout: Path, commit_of) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert commit_of(checkout) == head
    (checkout / "results").mkdir()
    (checkout / "results" / "a.h5").touch()
    assert commit_of(checkout) == head, "results are no change of the code"
    (checkout / "src/blockscope/__init__.py").write_text("VALUE = 1\n")
    assert commit_of(checkout) == f"{head}+changes"


def test_a_git_that_cannot_be_asked_is_told_from_none(checkout, commit_of, monkeypatch) -> None:
    def too_busy(*_: object) -> str:
        raise subprocess.TimeoutExpired(cmd="git", timeout=120)

    monkeypatch.setenv("PATH", "")
    assert commit_of(checkout) == "none"
    monkeypatch.setattr(provenance, "_git", too_busy)
    assert commit_of(checkout) == "unknown"


def test_a_worktree_is_a_checkout(checkout: Path, commit_of) -> None:
    tree = checkout.parent / "tree"
    git(checkout, "worktree", "add", "--quiet", str(tree))
    assert (tree / ".git").is_file()
    git(tree, "commit", "--quiet", "--allow-empty", "-m", "second")
    assert commit_of(tree) == git(tree, "rev-parse", "HEAD") != commit_of(checkout)


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path, commit_of, checkout: Path) -> None:
    installed = checkout / "venv/site-packages"
    (installed / "src/blockscope").mkdir(parents=True)
    assert commit_of(installed) == "none", "the checkout around an installation is another's"
    empty = tmp_path / "empty"
    (empty / "src/blockscope").mkdir(parents=True)
    git(empty, "init", "--quiet")
    assert commit_of(empty) == "none"


def test_the_checkout_of_a_running_hook_is_not_ours(
    checkout: Path, commit_of, tmp_path: Path, monkeypatch
) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert commit_of(checkout) == head


def test_without_git_there_is_no_commit(checkout: Path, commit_of, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert commit_of(checkout) == "none"
