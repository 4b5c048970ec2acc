"""Files made again, with the same bytes, in an empty folder from what they say of themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_files_are_made_again_with_the_same_bytes(finished, tmp_path):
    """One config after the other in one folder, so that each makes what is still missing."""
    origin = finished[0]
    copy = emptied(origin, tmp_path / "copy")
    for number, name in enumerate(FILES):
        done = show(origin, name, "--config", str(tmp_path / "written" / str(number)))
        assert done.returncode == 0, done.stderr
        command, option, config, target = done.stdout.split()
        assert (command, option, target) == ("snakemake", "--configfile", name)
        made = copy.snakemake("--rerun-triggers", "mtime", option, config, "--", target)
        assert made.returncode == 0, f"{name}: {made.stdout}"
        assert copy.path(name).read_bytes() == origin.path(name).read_bytes(), name
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
