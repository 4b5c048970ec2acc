"""The files of a panel by what they are: one, several, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockscope.figures.data.panel_files import PanelFiles
from blockscope.io.errors import UnknownName

FILES = PanelFiles({"image": "input.png", "grids": ["a.zarr.zip", Path("b.zarr.zip")], "none": []})


def test_files_are_found_by_name() -> None:
    assert FILES.one("image") == Path("input.png")
    assert FILES.many("image") == (Path("input.png"),)
    assert FILES.many("grids") == (Path("a.zarr.zip"), Path("b.zarr.zip"))
    assert FILES.many("none") == FILES.many("sprites1") == ()


@pytest.mark.parametrize("name", ["images", "grids", "none"])
def test_one_file_is_needed(name: str) -> None:
    with pytest.raises(UnknownName, match=f"a panel has no file '{name}'; valid: image, grids"):
        FILES.one(name)
