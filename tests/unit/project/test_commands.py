"""The commands of the project: hooks and CI run what `make` runs, for every supported Python."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml
from helpers.order import LONGEST
from helpers.repository import ROOT

CI = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
STEPS = [step for job in CI["jobs"].values() for step in job["steps"]]
OTHER_COMMANDS = {".ci/run", "git", "podman"}


def commands_of(target: str) -> list[str]:
    """Return what a target would run in .venv once it is there."""
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if line.startswith(".venv/bin/")]


def test_the_hooks_before_a_commit_are_the_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"] for repository in hooks for hook in repository["hooks"]]
    assert [entry for entry in entries if entry != "make check-frontend"] == commands_of("check")


def test_ci_runs_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"].split() for step in STEPS if "run" in step]
    assert {words[0] for words in commands} == {"make", *OTHER_COMMANDS}
    made = {words[1] for words in commands if words[0] == "make"}
    assert made <= targets
    assert {"check", "test", "figures"} <= made


def test_ci_makes_and_runs_the_image_as_the_page_says() -> None:
    page = (ROOT / "docs" / "environments.md").read_text()
    build, run = (step["run"] for step in CI["jobs"]["image"]["steps"] if "run" in step)
    assert f"    {build}\n" in page
    assert f"    {run.rsplit(' ', 1)[0]}\n" in page  # all but the target


@pytest.mark.parametrize("action", sorted({step["uses"] for step in STEPS if "uses" in step}))
def test_an_action_is_pinned_to_a_version(action: str) -> None:
    assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", action)


def test_ci_and_the_package_name_the_pythons_that_the_installer_takes() -> None:
    installer = (ROOT / "requirements/install.sh").read_text()
    oldest, newest = (
        int(version)
        for version in re.findall(r'^(?:oldest|newest)="3\.(\d+)"$', installer, re.MULTILINE)
    )
    supported = [f"3.{minor}" for minor in range(oldest, newest + 1)]
    assert CI["jobs"]["linux"]["strategy"]["matrix"]["python"] == supported
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    language = "Programming Language :: Python :: "
    named = [text.removeprefix(language) for text in project["classifiers"] if language in text]
    assert named == supported


def test_the_files_begun_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
