"""A cluster for the whole session, and projects whose jobs are submitted to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.tiny_project import Project, one_at_a_time, prepare
from slurm.cluster import CONFIG, PREFIX
from slurm.submitted import HELD, Submitted

STARTED = pytest.StashKey[tuple[subprocess.Popen[str], Path]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the cluster, once for all processes of the tests."""
    if hasattr(session.config, "workerinput"):
        return
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    program = Path(__file__).with_name("cluster.py")
    cluster = subprocess.Popen(
        [sys.executable, str(program), str(folder / "cluster")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests; the cluster goes when they have ended
    )
    session.config.stash[STARTED] = (cluster, folder)
    assert cluster.stdout is not None
    if cluster.stdout.readline() != "ready\n":
        _, said = cluster.communicate()
        pytest.exit(said or "no cluster", returncode=1)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the cluster, whatever the tests came to."""
    if STARTED not in config.stash:
        return
    cluster, folder = config.stash[STARTED]
    if cluster.poll() is None:
        cluster.communicate()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster_folder() -> Path:
    """Return where the running cluster keeps its files."""
    return CONFIG.readlink().parent


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of the tests share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """Return a tiny project with its network in normal form, made once for all tests."""
    base = shared_folder(tmp_path_factory)
    project, made = Project(base / "tiny"), base / "made"
    with one_at_a_time(base):
        if not made.exists():
            prepare(project, HELD)
            project.edit(
                "config/config.yaml",
                "\nneuron_groups:",
                "\nsprites: {recipe: draft, channels_per_job: 3}\nneuron_groups:",
            )
            # A batch for each channel: a shard that is killed has something to go on from.
            project.edit(
                "src/blockscope/feature_visualization/optimizer.py", "LARGEST = 8", "LARGEST = 1"
            )
            done = project.snakemake("results/tiny/noise/input.png")
            assert done.returncode == 0, done.stdout
            made.touch()
    return project.folder


@pytest.fixture(scope="session")
def undisturbed(tiny, tmp_path_factory) -> Path:
    """Return a tiny project with a sheet of sprites that was made without a cluster."""
    base = shared_folder(tmp_path_factory)
    project, made = Project(base / "undisturbed"), base / "sheet"
    with one_at_a_time(base):
        if not made.exists():
            shutil.copytree(tiny, project.folder)
            done = project.snakemake("results/models/tiny/sprites/block~high.zarr.zip")
            assert done.returncode == 0, done.stdout
            made.touch()
    return project.folder


@pytest.fixture
def project(tiny, tmp_path, cluster_folder) -> Iterator[Submitted]:
    """Return a tiny project of its own for each test."""
    shutil.copytree(tiny, tmp_path / "copy")
    project = Submitted(tmp_path / "copy")
    yield project
    project.end()
