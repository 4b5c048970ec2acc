"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.chromium import chromium, visit
from helpers.order import LONGEST
from helpers.repository import ROOT

__all__ = ["chromium", "visit"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the others follow as they are found."""
    place = {ROOT / "tests" / name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Return a function that finds a file of the reference data, which is not part of the project.

    The folder is ``$BLOCKSCOPE_SHARED`` or ``../shared``. A test whose file is missing is skipped,
    or fails where ``BLOCKSCOPE_REQUIRE_SHARED=1`` says that the data must be there.
    """
    folder = Path(os.environ.get("BLOCKSCOPE_SHARED", ROOT.parent / "shared"))

    def find(relative: str) -> Path:
        path = folder / relative
        if not path.exists():
            message = f"reference file {relative} not found in {folder} (set BLOCKSCOPE_SHARED)"
            if os.environ.get("BLOCKSCOPE_REQUIRE_SHARED") == "1":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a seeded generator of random numbers."""
    return np.random.default_rng(20180306)
