"""A tiny project with everything made, once for all tests of the workflow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.tiny_project import Project, one_at_a_time, prepare, row


@pytest.fixture(scope="session")
def workflow_folder(tmp_path_factory) -> Path:
    """Return a folder that all processes of the tests share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "workflow"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def workflow_copy(workflow_folder) -> Project:
    """Return a copy of the project, set up for a tiny network and a picture, with nothing made."""
    project, prepared = Project(workflow_folder / "copy"), workflow_folder / "prepared"
    with one_at_a_time(workflow_folder):
        if not prepared.exists():
            prepare(project)
            assert project.planned()  # makes the network's card, which all copies take along
            prepared.touch()
    return project


@pytest.fixture(scope="session")
def finished(workflow_folder, workflow_copy) -> tuple[Project, str]:
    """Return a project with everything made, and what snakemake said."""
    said = workflow_folder / "said"
    with one_at_a_time(workflow_folder):
        if not said.exists():
            done = workflow_copy.snakemake()
            assert done.returncode == 0, done.stdout
            said.write_text(done.stdout)
    return workflow_copy, said.read_text()


@pytest.fixture(scope="session")
def made_once(workflow_folder) -> Callable[[str, Callable[[Path], None]], Project]:
    """Return what has a project made by the first process that asks for its name.

    All processes get the same folder: a test that changes anything takes a copy.
    """

    def once(name: str, make: Callable[[Path], None]) -> Project:
        made = workflow_folder / f"{name}.made"
        with one_at_a_time(workflow_folder, f"{name}.lock"):
            if not made.exists():
                make(workflow_folder / name)
                made.touch()
        return Project(workflow_folder / name)

    return once


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """Return a finished project of its own for each test, to be changed."""
    return finished[0].copied(tmp_path / "copy")


@pytest.fixture(scope="session")
def code_copy(workflow_copy, tmp_path_factory) -> Project:
    """Return only the scripts and the package, read once for all tests that change a file."""
    folder = tmp_path_factory.mktemp("code")
    for part in ("workflow", "src"):
        shutil.copytree(workflow_copy.path(part), folder / part)
    return Project(folder)


@pytest.fixture
def code(code_copy) -> Iterator[Project]:
    """Return the scripts and the package, to be changed; afterwards they are as they were."""
    files = [path for path in code_copy.folder.rglob("*") if path.is_file()]
    texts = {path: path.read_bytes() for path in files}
    yield code_copy
    for path, text in texts.items():
        if path.read_bytes() != text:
            path.write_bytes(text)


@pytest.fixture
def project_at() -> type[Project]:
    """Return what makes a project of a folder."""
    return Project


@pytest.fixture
def run_row() -> Callable[..., str]:
    """Return the function that writes a row of the table of runs."""
    return row
