"""Fixtures of all tests of figures."""

from __future__ import annotations

import pytest
from helpers.file_cache import read_once, write_once


@pytest.fixture(autouse=True)
def files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read and write equal files once: these tests are about what is drawn from them."""
    read_once(monkeypatch)
    write_once(monkeypatch)
