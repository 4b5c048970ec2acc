"""Facts about files: computed once for a file and the code that computes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockscope.config import file_cache
from blockscope.config.file_cache import FileCache


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    (tmp_path / "dog.png").write_bytes(b"a dog")
    return tmp_path / "dog.png"


def test_a_fact_that_other_code_found_is_found_again(dog, tmp_path, monkeypatch):
    asked = []

    def compute(path: Path) -> str:
        asked.append(path.name)
        return "readable"

    def get() -> None:
        cache = FileCache(tmp_path / "files.json")
        assert cache.get("image", dog, compute) == "readable"
        cache.save()

    get()
    get()
    assert asked == ["dog.png"]
    monkeypatch.setattr(file_cache, "module_digest", lambda module: f"another {module}")
    get()
    get()
    assert asked == ["dog.png"] * 2


def test_what_is_kept_is_written_once(dog, tmp_path):
    store = tmp_path / "files.json"
    cache = FileCache(store)
    cache.get("name", dog, lambda path: path.name)
    cache.save()
    store.unlink()
    cache.save()
    assert not store.exists()
