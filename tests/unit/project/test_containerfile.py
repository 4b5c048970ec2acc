"""The image, read without building it: what it takes is there, pinned and checked."""

from __future__ import annotations

import fnmatch
import re
import shlex
import tomllib

import pytest
from helpers.repository import ROOT

TEXT = (ROOT / "Containerfile").read_text()
JOINED = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
STEPS = [line.split(maxsplit=1) for line in JOINED.splitlines() if line]


def arguments(instruction: str) -> list[str]:
    """Return what follows an instruction, each time that it is used."""
    found = [rest for word, rest in STEPS if word == instruction]
    assert found, f"no {instruction} in the Containerfile"
    return found


def test_one_base_pinned_to_a_release_of_a_supported_python() -> None:
    defaults = dict(each.split("=") for each in arguments("ARG"))
    assert arguments("FROM") == ["${BASE}"]
    assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-[a-z]+", defaults["BASE"])
    assert defaults["LOCK"] == "cpu"


def test_what_is_copied_exists_and_is_not_left_out() -> None:
    sources = [name for each in arguments("COPY") for name in each.split()[:-1]]
    assert {"requirements/", "src/", "pyproject.toml"} <= set(sources)
    kept = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    for name in sources:
        assert (ROOT / name).exists()
        assert name.rstrip("/") in kept
    assert sorted(kept) == sorted(name.rstrip("/") for name in sources)


def test_the_package_is_built_from_what_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {project["readme"], *project["license-files"]}
    copied = " ".join(arguments("COPY")).split()
    assert needed <= set(copied)


def test_packages_come_from_the_locks_by_the_installer_alone() -> None:
    first, last = arguments("RUN")
    assert 'sh requirements/install.sh "$LOCK" run' in first
    assert "PIP_NO_CACHE_DIR=1" in first
    assert "pip install" not in TEXT
    assert "--require-hashes" in (ROOT / "requirements" / "install.sh").read_text()
    assert last == "python -m blockscope --version && snakemake --version"
    assert not re.search(r"https?://|index-url|apt-get", TEXT)


def test_it_runs_as_a_user_with_the_programs_of_the_environment() -> None:
    words = [word for word, _ in STEPS]
    assert arguments("USER") == ["1000:1000"]
    assert words.index("USER") < len(words) - 1 - words[::-1].index(
        "RUN"
    )  # also what is tried last
    settings = dict(each.split("=", 1) for each in shlex.split(arguments("ENV")[0]))
    folder = arguments("WORKDIR")[0]
    assert settings["PATH"].startswith(f"{folder}/.venv/bin:")
    assert settings["HOME"] == "/tmp"  # any user may write there
    assert settings["USER"]  # without it Snakemake asks for the name of a number
    assert "ENTRYPOINT" not in words  # `IMAGE snakemake ...` runs snakemake


@pytest.mark.parametrize("name", [".venv", "results", ".git", "config", "docs"])
def test_nothing_else_is_sent_to_the_build(name: str) -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert fnmatch.fnmatch(name, lines[0])
    assert f"!{name}" not in lines
