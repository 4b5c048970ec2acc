"""Data sets: their index is made, made again after a change of any image, and checked before."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from blockscope.io import datasets
from blockscope.io.image_sets import ImageSet

pytestmark = pytest.mark.slow

INDEX = "results/datasets/holidays.h5"
COLUMNS = "dataset\tpath\tcount\tseed\tlabels\tjobs\n"


@pytest.fixture(scope="module")
def listed(workflow_copy, made_once):
    """Return a project with a data set of pictures in a folder, of which its index is made."""

    def make(folder):
        project = workflow_copy.unmade(folder)
        project.path("pictures/sea").mkdir(parents=True)
        noise = np.random.default_rng(3)
        for number in range(4):
            pixels = noise.integers(0, 256, (5, 7, 3), np.uint8)
            Image.fromarray(pixels).save(project.path(f"pictures/sea/{number}.png"))
        project.write("config/datasets.tsv", f"{COLUMNS}holidays\tpictures\t3\t\tfolders\t2\n")
        head, *rows = project.path("config/runs.tsv").read_text().splitlines()
        project.write("config/runs.tsv", f"{head}\tdataset\n{rows[0]}\tholidays\n")
        assert project.planned(INDEX) == {"dataset": 1}
        done = project.snakemake("--executor", "local", "--", INDEX)  # one job, without TensorFlow
        assert done.returncode == 0, done.stdout

    return made_once("listed", make)


@pytest.fixture
def changeable(listed, tmp_path):
    return listed.copied(tmp_path / "copy")


def test_a_run_asks_for_the_index_of_its_data_set(changeable):
    assert INDEX in changeable.asked_and_written()[0]


def test_the_index_opens_its_images(listed, monkeypatch):
    monkeypatch.chdir(listed.folder)
    images = ImageSet.open(INDEX)
    assert images.labels(range(3)) == ["sea"] * 3
    assert images.read(2).size == (7, 5)
    facts = datasets.read(INDEX).attrs
    assert (facts["created_by"], facts["dataset"], facts["found"]) == ("dataset", "holidays", 4)
    assert listed.planned(INDEX) == {}


def test_every_module_that_the_job_uses_counts_in_its_digest(listed):
    uncounted = listed.uncounted_modules()
    assert uncounted == {"dataset": set()}


@pytest.mark.parametrize("change", ["time", "size", "added", "removed", "seed", "count"])
def test_a_change_makes_the_index_again(changeable, change):
    project, image = changeable, changeable.path("pictures/sea/1.png")
    if change == "time":
        os.utime(image, (9, 9))
    elif change == "size":
        state = image.stat()
        image.write_bytes(image.read_bytes() + b"\0")
        os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif change == "added":
        image.with_name("9.png").write_bytes(image.read_bytes())
    elif change == "removed":
        image.unlink()
    else:
        cells = "3\t5" if change == "seed" else "2\t"
        project.write("config/datasets.tsv", f"{COLUMNS}holidays\tpictures\t{cells}\tfolders\t1\n")
    assert project.planned_and_changed(INDEX) == ({"dataset": 1}, {"dataset"})


def test_what_decides_nothing_repeats_nothing(changeable):
    changeable.path("pictures/sea/README").touch()
    changeable.write("config/datasets.tsv", f"{COLUMNS}holidays\tpictures\t3\t0\tfolders\t3\n")
    assert changeable.planned(INDEX) == {}


def test_what_is_missing_is_said_before_the_first_job(changeable):
    changeable.write("config/datasets.tsv", f"{COLUMNS}holidays\tpicture\t3\t\t\t\n")
    done = changeable.snakemake(INDEX)
    assert done.returncode != 0
    assert "column path: 'picture' does not exist (looked in " in done.stdout
    # A data set that no run names, asked for by its file.
    changeable.write(
        "config/datasets.tsv", f"{COLUMNS}holidays\tpictures\t3\t\t\t\nother\tgone\t\t\t\t\n"
    )
    done = changeable.snakemake("results/datasets/other.h5")
    assert done.returncode != 0
    assert "'gone' does not exist (looked in " in done.stdout
    done = changeable.snakemake("results/datasets/mine.h5")
    assert "unknown data set 'mine'; valid: holidays, other (listed in config/data" in done.stdout
