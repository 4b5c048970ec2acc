"""The files around the package agree with it and with one another."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from helpers.repository import ROOT

import blockscope

PAGES = ("README.md", "CONTRIBUTING.md", ".ci/run")
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    asked = set(re.findall(r"(?:^|[`(]| )make ([a-z-]+)(?=[\s`)]|$)", text, re.MULTILINE))
    assert {"setup", "test", "check"} & asked
    assert asked <= make_targets()


def test_help_lists_every_command_meant_for_people() -> None:
    help_text = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", help_text, re.MULTILINE))
    assert listed == make_targets() - {"run-environment"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text())
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (ROOT / link).exists()] == []


def test_one_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    # Above it may come what is not released yet.
    changes = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert changes is not None
    assert citation["version"] == blockscope.__version__ == changes[1]
    when = changes.string[changes.end() :].splitlines()[0].removeprefix(" - ")
    assert when == str(citation.get("date-released", "not yet released"))


def test_the_citation_names_the_software_and_the_article() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["title"].startswith("blockscope")
    assert citation["license"] == "Apache-2.0"
    assert [r["doi"] for r in citation["references"]] == ["10.23915/distill.00010"]


def test_the_licence_is_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"


def test_no_file_knows_one_machine_or_one_package_index() -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs the git checkout to know which files belong to the project")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    place = re.compile(
        rb"(?<![\w.~])/(home|root|Users)/\w|--(extra-)?index-url[ =]\S|https?://[^\s\"'`]*/simple\b"
    )
    found = [
        f"{name}: {match[0].decode()}"
        for name in listing.split("\0")
        if (ROOT / name).is_file() and (match := place.search((ROOT / name).read_bytes()))
    ]
    assert found == []
