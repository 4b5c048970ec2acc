"""The scripts of the pages as committed: made from their sources, small, asking for nothing."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from helpers.repository import ROOT

SOURCES = ROOT / "frontend"
TEMPLATES = ROOT / "src" / "blockscope" / "figures" / "page" / "templates"
LARGEST = {"page": 170_000, "contact": 75_000}  # bytes


def digest(folder: Path) -> str:
    """SHA-256 of all files: path, zero byte, content, zero byte, in the order of paths."""
    paths: dict[str, Path] = {}
    for within, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "node_modules"]
        paths |= {(p := Path(within, name)).relative_to(folder).as_posix(): p for name in files}
    found = hashlib.sha256()
    for name, path in sorted(paths.items()):
        found.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


@pytest.fixture(scope="module", params=LARGEST)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bundle(name: str) -> str:
    return (TEMPLATES / f"{name}.bundle.js").read_text(encoding="utf-8")


def test_the_bundle_is_made_from_the_sources(bundle: str) -> None:
    first = bundle.split("\n", 1)[0]
    assert first.startswith('// Made by "make bundle" from frontend/, sha256 ')
    assert first.endswith(digest(SOURCES)), "frontend/ has changed since: run make bundle"


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "one.ts").write_text("a")
    (tmp_path / "two.ts").write_text("b")
    before = digest(tmp_path)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "any.js").write_text("c")
    assert digest(tmp_path) == before
    (tmp_path / "two.ts").write_text("c")
    changed = digest(tmp_path)
    (tmp_path / "two.ts").rename(tmp_path / "six.ts")
    assert len({before, changed, digest(tmp_path)}) == 3


def test_the_bundle_is_small(bundle: str, name: str) -> None:
    assert len(bundle.encode()) < LARGEST[name]


def test_the_bundle_can_stand_in_a_page(bundle: str) -> None:
    """It neither ends its element nor compiles text, which the page's policy would refuse."""
    assert not re.search(r"</?[sS][cC][rR][iI][pP][tT]|\beval\(|\bFunction\(", bundle)


def test_the_bundle_asks_for_nothing(bundle: str) -> None:
    asking = r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|\bimport\(|EventSource"
    assert not re.search(asking, bundle)
    # Names of XML's languages, and where Svelte explains its errors; nothing is loaded from either.
    hosts = set(re.findall(r"https?://([\w.-]+)", bundle))
    assert hosts <= {"www.w3.org", "svelte.dev"}


def test_the_lock_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
