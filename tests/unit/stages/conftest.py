"""Fixtures of all tests of stages."""

from __future__ import annotations

import pytest
from helpers.file_cache import read_once


@pytest.fixture(autouse=True)
def files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read equal files once; they are written each time, as stages promise equal bytes."""
    read_once(monkeypatch)
