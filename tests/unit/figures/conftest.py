"""Fixtures of all tests of figures."""

from __future__ import annotations

import pytest
from helpers.file_cache import keep_files


@pytest.fixture(autouse=True)
def files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_files(monkeypatch)
