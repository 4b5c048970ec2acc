"""Files made again, with the same bytes, in an empty folder from what they say of themselves."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.tiny_project import row
from PIL import Image

pytestmark = pytest.mark.slow

RUN = "results/tiny/noise/smooth"
# From what is made first on: each config makes what the ones before have not.
FILES = (
    "results/tiny/noise/activations/low.zarr.zip",
    f"{RUN}/factors/low-2-on-block~high.h5",
    "results/figures/one/index.html",
)
# Made on the way to these.
BESIDE = (
    "results/models/tiny/model.json",
    "results/models/tiny/graph.pb",
    "results/tiny/noise/input.png",
    f"{RUN}/classes/low.h5",
    f"{RUN}/channels/low.h5",
    f"{RUN}/channels/block~high.h5",
    f"{RUN}/factors/low-2-on-block~high.tsv",
    f"{RUN}/positions/low--block~high.h5",
    "results/tiny/noise/groups/low-2.h5",
    "results/figures/one/factors.svg",
    "results/figures/one/channels.pdf",
    "results/figures/one/neuron_groups.png",
)


def show(project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blockscope", "show", *arguments],
        cwd=project.folder, env=project.environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def emptied(project, folder: Path):
    """Return a copy with the workflow and what the user brings: no config, nothing made."""
    copy = project.unmade(folder)
    shutil.rmtree(copy.path("config"))
    shutil.rmtree(copy.path(".snakemake"))
    return copy


# Of the project `kinds`: a file of each stage that those above do not run, in the same order.
MASK = "image\tpath\tmask\tobjects\nnoise\tnoise.png\tmask.png\t#ff0000=bee\n"
OTHERS = "shuffled: {from: tiny, randomise: {above: [low], seed: [0, 3]}}\n"
PANELS = (
    "overrides,rivals,sanity,channels,channel_methods,neuron_groups,flow,trust,activation_grids,"
    "semantic_dictionary"
)
OPTIONS = """
sprites: {recipe: draft, channels_per_job: 3}
grids: {cell_size: 10, steps: 2, neuron_groups: 2, cells_per_step: 5, seed: 3}
ablation: {baseline: mean}
scores: {random_orders: 3}
channels: {seed: 4}
"""
KINDS = (
    "results/shuffled.low.3/noise/smooth/positions/low--block~high.h5",
    "results/models/tiny/sprites/shards/low-neurons/0-2.h5",
    "results/models/tiny/sprites/low-neurons.zarr.zip",
    "results/models/tiny/sprites/low-channels-0,2-3.html",
    "results/tiny/noise/sprites/low.html",
    "results/tiny/noise/grids/low-plain.png",
    "results/tiny/noise/grids/low-coherent.zarr.zip",
    f"{RUN}/drivers/low--block~high.h5",
    "results/tiny/noise/ablation/low.h5",
    f"{RUN}/scores/low.tsv",
    f"{RUN}/sanity/low.h5",
    f"{RUN}/flow/low--pool--block~high-2.h5",
    "results/tiny/noise/groups/low-2-sprites.json",
    "results/figures/two/index.html",
)


@pytest.fixture(scope="module")
def kinds(workflow_copy, made_once):
    """Return a project with a file of each kind that has no data set, for all tests."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        mask = Image.new("RGB", (200, 160))
        mask.paste((255, 0, 0), (20, 20, 80, 90))
        mask.save(project.path("mask.png"))
        project.write("config/images.tsv", MASK)
        header = project.path("config/runs.tsv").read_text().splitlines()[0]
        cells = row("two", classes="bee|elk", panels=PANELS).rstrip("\n")
        runs = f"{header}\tflow\tgrids\n{cells}\tlow,pool,block/high\tlow\n"
        project.write("config/runs.tsv", runs)
        with project.path("config/models.yaml").open("a") as catalogue:
            catalogue.write(OTHERS)
        project.edit("config/config.yaml", "\nneuron_groups:", f"{OPTIONS}neuron_groups:")
        done = project.snakemake(*KINDS)
        assert done.returncode == 0, done.stdout

    return made_once("kinds", make)


def test_every_kind_of_file_is_made_again_with_the_same_bytes(kinds, tmp_path):
    """A config for each, all in one folder: its own stage runs at least."""
    copy = emptied(kinds, tmp_path / "copy")
    for number, name in enumerate(KINDS):
        check_made_again(kinds, copy, name, tmp_path / "written" / str(number))


def check_made_again(origin, copy, name: str, written: Path) -> None:
    """Make a file again by the command that ``show --config`` prints, and compare the bytes."""
    done = show(origin, name, "--config", str(written))
    assert done.returncode == 0, done.stderr
    command, *arguments = shlex.split(done.stdout)
    assert (command, arguments[0]) == ("snakemake", name)
    made = copy.snakemake(*arguments, "--rerun-triggers", "mtime")
    assert made.returncode == 0, f"{name}: {made.stdout}"
    assert copy.path(name).read_bytes() == origin.path(name).read_bytes(), name


def test_files_are_made_again_with_the_same_bytes(finished, tmp_path):
    """One config after the other in one folder, so that each makes what is still missing."""
    origin = finished[0]
    copy = emptied(origin, tmp_path / "copy")
    for number, name in enumerate(FILES):
        check_made_again(origin, copy, name, tmp_path / "written" / str(number))
    for name in BESIDE:
        assert copy.path(name).read_bytes() == origin.path(name).read_bytes(), name


def test_what_cannot_be_made_again_is_told(finished, tmp_path):
    project, folder = finished[0], str(tmp_path / "new")
    classes = f"{RUN}/classes/low.h5"
    refused = {
        (classes, "results/index.html"): "--config is for one file, found 2; give one at a time",
        ("results/index.html",): r"'results/index\.html' does not record the settings that made it "
        r"\(stage gallery\); those of the files that it is made from do",
    }
    for files, words in refused.items():
        done = show(project, *files, "--config", folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.search(words, done.stderr), done.stderr
    shutil.copy(project.path(classes), tmp_path / "moved.h5")
    done = show(project, str(tmp_path / "moved.h5"), "--config", folder)
    assert re.search("is not below a folder 'results', so that nothing says what to", done.stderr)
    assert not Path(folder).exists()
    done = show(project, classes, "--config", str(tmp_path))
    assert re.search("exists; give a folder that is not there yet", done.stderr)
