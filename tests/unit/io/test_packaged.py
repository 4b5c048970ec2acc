"""Files that come with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.repository import ROOT, files_in

from blockscope.io.errors import BadFile
from blockscope.io.packaged import FOLDER, located


def test_a_path_of_the_user_is_left_alone():
    assert located("photos/dog.png") == "photos/dog.png"
    assert located("/somewhere/blockscope:x.png") == "/somewhere/blockscope:x.png"


def test_a_file_of_the_package_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = located("blockscope:scenes/two.png")
    assert found == str(FOLDER / "scenes/two.png")
    assert Path(found).is_file()


def test_its_path_is_relative_where_it_can_be(monkeypatch):
    monkeypatch.chdir(FOLDER.parent)
    assert located("blockscope:scenes/two.png") == "resources/scenes/two.png"


def test_a_file_that_the_package_has_not():
    with pytest.raises(
        BadFile, match=r"no file 'scenes/tow.png' comes with .*scenes/two\.png.*own"
    ):
        located("blockscope:scenes/tow.png")
    with pytest.raises(BadFile, match="comes with the package"):
        located("blockscope:../__init__.py")


def test_the_settings_name_what_the_package_has():
    files = [ROOT / "config/models.yaml", *files_in(ROOT / "config", "images.tsv")]
    words = [word for file in files for word in file.read_text().split()]
    named = [word for word in words if word.startswith("blockscope:")]
    assert len(named) == 6
    assert all(Path(located(name)).is_file() for name in named)
