"""Projects that share their networks and sprites, at the same time and one after the other."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SHEET = "results/models/tiny/sprites/low.png"
STAGES = ("model/tiny.log", "render_sprites/tiny/low/0-3.log", "spritemap/tiny/low.log")


def settings(shared: Path, recipe: str) -> str:
    return f"\nsprites: {{recipe: {recipe}}}\nshared_results: {shared}\n"


def taken(project, stages=STAGES) -> list[bool]:
    """Return for the network, the shard and the sheet whether they were taken."""
    logs = [project.path(f"logs/{log}").read_text() for log in stages]
    return [text.startswith("taken from the shared results") for text in logs]


@pytest.mark.slow
def test_projects_share_what_they_would_have_made_themselves(workflow_copy, project_at, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()

    def new(name: str, recipe="draft"):
        project = workflow_copy.unmade(tmp_path / name)
        text = project.path("config/config.yaml").read_text()
        project.write("config/config.yaml", text + settings(shared, recipe))
        project.edit(
            "src/blockscope/feature_visualization/named_recipes.py", "steps=192", "steps=7"
        )  # of paper
        return project

    def run(project, file=SHEET):
        done = project.snakemake(file)
        assert done.returncode == 0, done.stdout
        return project

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(run, [new("first"), new("second")])
    assert taken(run(new("third"))) == [True, True, True]
    files = ["results/models/tiny/graph.pb", SHEET]
    files.append("results/models/tiny/sprites/shards/low/0-3.h5")
    stored = {path.read_bytes() for path in shared.rglob("*") if path.is_file()}
    third = project_at(tmp_path / "third")
    assert all(third.path(file).read_bytes() in stored for file in files)
    assert first.path(files[0]).read_bytes() == second.path(files[0]).read_bytes()
    assert first.path(SHEET).stat().st_size == second.path(SHEET).stat().st_size
    assert not list(shared.rglob(".*"))

    other = run(new("other", "paper"))
    assert taken(other) == [True, False, False]
    assert other.path(SHEET).read_bytes() != first.path(SHEET).read_bytes()

    changed = new("changed")
    shutil.copy(changed.path("noise.png"), changed.path("more.png"))
    changed.edit("labels.json", "elk", "eel")
    run(changed, files[0])
    assert taken(changed, STAGES[:1]) == [False]
    assert '"eel"' in changed.path("results/models/tiny/model.json").read_text()


def test_a_shared_folder_that_is_not_there_is_told_with_the_other_mistakes(workflow_copy, tmp_path):
    project = workflow_copy.unmade(tmp_path / "copy")
    text = project.path("config/config.yaml").read_text()
    project.write("config/config.yaml", f"{text}\nshared_results: gone/folder\n")
    project.edit("config/runs.tsv", "smooth", "smoth")
    said = project.snakemake("--dry-run").stdout
    assert "2 mistakes in the configuration" in said
    assert "key shared_results: 'gone/folder' is not a folder" in said
    assert "unknown override 'smoth'" in said
