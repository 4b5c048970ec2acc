"""The package that is installed: whole, typed, and without what only the checkout has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile

import pytest
from helpers.repository import ROOT, files_in

PARTS = ("pyproject.toml", "README.md", "LICENSE", "src", "studies")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
IGNORED = {".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of the files in a wheel, built from a copy of the checkout."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / part, copy / part, ignore=ignore)
        else:
            shutil.copy(ROOT / part, copy)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)],
        cwd=copy,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_everything_below_src_is_installed(wheel: set[str]) -> None:
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in files_in(ROOT / "src", "*")
        if path.suffix not in IGNORED and ".egg-info/" not in path.as_posix()
    }
    assert wheel == source


def test_types_templates_and_tables_come_along(wheel: set[str]) -> None:
    assert "blockscope/py.typed" in wheel
    assert any(name.startswith("blockscope/figures/page/templates/") for name in wheel)


def test_the_studies_stay_in_the_checkout(wheel: set[str]) -> None:
    assert {name for name in wheel if name.startswith(("studies/", "tests/", "bench/"))} == set()
