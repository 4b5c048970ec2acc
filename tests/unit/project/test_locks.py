"""The locks: complete, hashed, free of places, and at one with the project and conda files."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

import pytest
import yaml
from helpers.repository import ROOT
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("build", "cpu", "dev", "docs", "gpu")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+(\[[a-z-]+\])?)==(?P<version>[\w.+!]+)( ; (?P<marker>[^\\]+?))? \\\n"
    r"(?P<hashes>( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+)",
    re.MULTILINE,
)
CONDA_NAMES = {"matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}


@dataclass(frozen=True)
class Pin:
    """One entry of a lock."""

    version: str
    marker: Marker | None


def read_lock(name: str) -> dict[str, Pin]:
    """Return the entries of a lock by package."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return {
        match["name"]: Pin(match["version"], Marker(match["marker"]) if match["marker"] else None)
        for match in ENTRY.finditer(text)
    }


def requirements(*texts: str) -> list[Requirement]:
    return [Requirement(text) for text in texts]


def assert_covered(needed: list[Requirement], lock: dict[str, Pin]) -> None:
    assert needed
    for requirement in needed:
        name = canonicalize_name(requirement.name)
        assert name in lock, f"{requirement} is in no entry of the lock: make lock"
        assert lock[name].version in requirement.specifier, (
            f"the lock breaks {requirement}: make lock"
        )


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_pinned_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    rest = [line for line in ENTRY.sub("", text).splitlines() if not line.lstrip().startswith("#")]
    assert rest == []
    assert read_lock(name)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    for place in ("://", "file:", "--index", "--extra-index", "--find-links", "--trusted", " /"):
        assert place not in text


def test_the_locks_agree_where_they_meet() -> None:
    versions: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, pin in read_lock(name).items():
            versions.setdefault(package, set()).add(pin.version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("extra", ["cpu", "gpu"])
def test_a_lock_covers_what_the_package_asks_for(extra: str) -> None:
    project = PROJECT["project"]
    needed = requirements(*project["dependencies"], *project["optional-dependencies"][extra])
    assert_covered(needed, read_lock(extra))


def test_the_tools_and_the_build_tool_are_locked() -> None:
    groups = PROJECT["dependency-groups"]
    assert groups["build"] == PROJECT["build-system"]["requires"]
    assert_covered(requirements(*groups["build"]), read_lock("build"))
    assert_covered(requirements(*groups["build"]), read_lock("cpu"))
    assert_covered(requirements(*groups["dev"]), read_lock("dev"))
    assert_covered(requirements(*groups["docs"]), read_lock("docs"))


def test_the_tools_fit_on_either_tensorflow() -> None:
    assert not [name for name in read_lock("dev") if name.startswith(("tensorflow", "nvidia"))]


@pytest.mark.parametrize(
    ("system", "machine", "chosen"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
    ],
)
def test_one_tensorflow_per_machine(system: str, machine: str, chosen: str) -> None:
    place = {"sys_platform": system, "platform_machine": machine}
    found = [
        name
        for name, pin in read_lock("cpu").items()
        if name.startswith("tensorflow") and (pin.marker is None or pin.marker.evaluate(place))
    ]
    assert found == [chosen]


def test_the_installer_asks_for_the_same_python() -> None:
    installer = (ROOT / "requirements" / "install.sh").read_text()
    oldest = re.search(r'^oldest="([\d.]+)"$', installer, re.MULTILINE)
    assert oldest is not None
    assert PROJECT["project"]["requires-python"] == f">={oldest[1]}"
    assert f"--python-version {oldest[1]} " in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_a_conda_file_is_its_lock(kind: str) -> None:
    entries = yaml.safe_load((ROOT / "envs" / f"{kind}.yaml").read_text())["dependencies"]
    conda = dict(e.split("=") for e in entries if isinstance(e, str) and e != "pip")
    by_pip = requirements(*next(e["pip"] for e in entries if isinstance(e, dict)))
    assert conda.pop("python") in PROJECT["project"]["requires-python"]

    lock = read_lock(kind)
    project = PROJECT["project"]
    wanted = requirements(*project["dependencies"], *PROJECT["build-system"]["requires"])
    names = [canonicalize_name(requirement.name) for requirement in wanted]
    assert conda == {CONDA_NAMES.get(name, name): lock[name].version for name in names}

    asked = requirements(*project["optional-dependencies"][kind])
    assert [str(r.specifier) for r in by_pip] == [f"=={lock[r.name].version}" for r in by_pip]
    assert {(r.name, *r.extras) for r in by_pip} <= {(r.name, *r.extras) for r in asked}
    assert len(by_pip) == 1
