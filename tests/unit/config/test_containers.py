"""The image of the jobs: what is refused, and which folders its jobs must see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blockscope.config.containers import binds, container_command, outside_folders
from blockscope.config.error_list import ErrorList
from blockscope.config.project import EntryTable, Project
from blockscope.config.settings import Config, DatasetRow, ImageRow
from blockscope.io.packaged import FOLDER
from blockscope.models.entry import ModelEntry

TABLES = {"models": "models.yaml", "images": "images.tsv", "runs": "runs.tsv"}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Return the working folder, on a machine that has Apptainer."""
    folder = tmp_path / "here"
    folder.mkdir()
    program = tmp_path / "bin" / "singularity"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.delenv("APPTAINER_BIND", raising=False)
    monkeypatch.setenv("SINGULARITY_BIND", "/scratch,/data:/mnt")
    monkeypatch.chdir(folder)
    return folder


def project(image: str | None = "blocks.sif", images: tuple[str, ...] = (), **options) -> Project:
    settings = Config.model_validate(TABLES | {"compute": {"container": image}} | options)
    rows = {path: ImageRow(image="one", path=path) for path in images}
    none: EntryTable[ModelEntry] = EntryTable("model", "models.yaml")
    return Project(
        settings, none, EntryTable("image", "", rows), EntryTable("run", ""), place="my.yaml"
    )


def refused(given: Project, own: bool = True) -> str:
    problems = ErrorList()
    assert container_command(given, ["--nv"], problems, own) == ()
    return "\n".join(problems.texts)


def test_the_command_shows_the_folders_outside(here):
    (here / "blocks.sif").touch()
    command = container_command(project(), ["--nv"], ErrorList())
    assert command == (
        "singularity", "exec", "--home", str(here), "--nv", "--bind", str(FOLDER), "blocks.sif",
    )  # fmt: skip
    address = container_command(project("oras://somewhere/blocks"), [], ErrorList())
    assert address[-1] == "oras://somewhere/blocks"


def test_what_is_missing_is_named(here, monkeypatch):
    assert (
        "my.yaml, key compute.container: image 'blocks.sif' does not exist (looked in "
        in refused(project())
    )
    assert "the config names no image" in refused(project(None))
    assert refused(project(None), own=False) == ""
    (here / "blocks.sif").touch()
    monkeypatch.setenv("PATH", "")
    assert "needs one of the programs apptainer and singularity, and PATH has neither" in refused(
        project()
    )


def test_only_folders_that_are_outside_are_shown(here, tmp_path):
    for name in ("photos", "photos/old", "masks", "away"):
        (tmp_path / name).mkdir(parents=True)
    (here / "mine").mkdir()
    (here / "link").symlink_to(tmp_path / "masks")
    (tmp_path / "away" / "real.png").touch()
    (here / "link.png").symlink_to(tmp_path / "away" / "real.png")
    paths = (
        "mine/a.png", f"{tmp_path}/photos/a.png", f"{tmp_path}/photos/old/b.png", "link/c.png",
        "link.png", "blockscope:scenes/two.png", "/z.png",
    )  # fmt: skip
    found = outside_folders(project(images=paths))
    assert found == sorted(
        [str(FOLDER), *(f"{tmp_path}/{name}" for name in ("photos", "masks", "away"))]
    )


def test_a_link_outside_is_shown_with_what_it_leads_to(here, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    found = outside_folders(project(images=(f"{tmp_path}/alias/a.png",)))
    assert {f"{tmp_path}/real", f"{tmp_path}/alias"} <= set(found)


def test_networks_data_sets_and_shared_results_are_shown(here, tmp_path):
    for name in ("nets", "labels", "set", "shared"):
        (tmp_path / name).mkdir()
    entry = ModelEntry.model_validate(
        {
            "graph": f"{tmp_path}/nets/a.pb",
            "input": {"tensor": "input", "size": [2, 2], "range": [0, 1]},
            "logits": "logits",
            "labels": f"{tmp_path}/labels/a.json",
        }
    )
    rows = {"set": DatasetRow(dataset="set", path=f"{tmp_path}/set")}
    given = project(shared_results=f"{tmp_path}/shared")
    given = Project(
        given.settings,
        EntryTable("model", "", {"a": entry, "wrong": None}),
        given.images,
        given.runs,
        datasets=EntryTable("dataset", "", rows),
    )
    found = {Path(path).name for path in outside_folders(given)}
    assert found == {"nets", "labels", "set", "shared", "resources"}


def test_variables_keep_what_they_had(here):
    assert binds(project()) == {
        "APPTAINER_BIND": str(FOLDER),
        "SINGULARITY_BIND": f"/scratch,/data:/mnt,{FOLDER}",
    }
    os.environ.update(binds(project()))
    assert binds(project())["SINGULARITY_BIND"] == f"/scratch,/data:/mnt,{FOLDER}"


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_a_folder_that_cannot_be_shown_is_refused(here, tmp_path, name):
    (here / "blocks.sif").touch()
    (tmp_path / name).mkdir()
    problems = ErrorList()
    container_command(project(images=(f"{tmp_path}/{name}/x.png",)), [], problems)
    assert f"folder '{tmp_path}/{name}' has a comma or colon" in "\n".join(problems.texts)
