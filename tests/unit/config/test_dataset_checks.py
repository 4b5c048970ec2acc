"""Mistakes in the table of data sets: all in one message, before the first job."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from unit.config.test_checks import HEADER, WrittenProject

from blockscope.config import dataset_checks
from blockscope.io.errors import UnknownName
from blockscope.io.image_sets.index import look, source_digest

COLUMNS = "dataset\tpath\tcount\tseed\tlabels\tjobs"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WrittenProject:
    """A project whose run asks for a data set of three images in a folder."""
    monkeypatch.chdir(tmp_path)
    written = WrittenProject(tmp_path)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        Image.new("RGB", (7, 5)).save(tmp_path / "pictures" / f"{number}.png")
    (tmp_path / "pictures" / "README").touch()
    written.config["datasets"] = "datasets.tsv"
    written.runs = [HEADER, written.row(dataset="holidays")]
    written.datasets = [COLUMNS, "holidays\tpictures\t3\t\tfolders\t2"]
    return written


def test_a_sound_table_is_read(project):
    project.datasets += ["scenes\tdrawn:blocks1000\t20\t7\t\t20", "all\tpictures\t\t\t\t"]
    found = project.load().datasets
    assert found["holidays"].choice == {
        "path": "pictures", "count": 3, "seed": 0, "labels": "folders",
    }  # fmt: skip
    assert (found["scenes"].seed, found["scenes"].jobs, found["all"].count) == (7, 20, None)
    with pytest.raises(UnknownName, match=r"unknown data set 'b'; valid: holidays, scenes, all "):
        found["b"]


ROWS = {
    "unknown data set": (
        "holiday\tpictures\t\t\t\t",
        "column dataset: unknown data set 'holidays'; valid: holiday (listed in datasets.tsv)",
    ),
    "not there": (
        "holidays\tpicture\t\t\t\t",
        "datasets.tsv, line 2 (dataset 'holidays'), column path: 'picture' does not exist (looked",
    ),
    "too many": (
        "holidays\tpictures\t4\t\t\t",
        "count: asks for 4 images, and 'pictures' has 3 (beside them 1 without an ending); give f",
    ),
    "jobs": (
        "holidays\tpictures\t\t\t\t4",
        "column jobs: cannot divide the 3 images of 'pictures' among 4 jobs; valid: 1 to 3",
    ),
    "jobs of a sample": (
        "holidays\tpictures\t2\t\t\t3",
        "datasets.tsv, line 2 (dataset 'holidays'): cannot divide 2 images among 3 jobs; valid: 1 ",
    ),
    "no end": (
        "holidays\tdrawn:blocks1000\t\t\t\t",
        "(dataset 'holidays'): 'drawn:blocks1000' has no end; give the number of scenes in the",
    ),
    "drawing": (
        "holidays\tdrawn:block1000\t9\t\t\t",
        "column path: unknown drawing 'drawn:block1000'; valid: drawn:blocks1000",
    ),
    "labels of a drawing": (
        "holidays\tdrawn:blocks1000\t9\t\tfolders\t",
        "(dataset 'holidays'): drawn scenes are labelled by their blocks; leave labels empty",
    ),
    "labels of a table": (
        "holidays\tt.tsv\t\t\tfolders\t",
        "column labels: 't.tsv' is a table, whose column label names the labels; leave labels",
    ),
    "other labels": (
        "holidays\tpictures\t\t\tfolder\t",
        "column labels: must be '' or 'folders', found 'folder'",
    ),
    "no number": (
        "holidays\tpictures\t1e3\t\t\t",
        "column count: must be a whole number in digits, as in 2000, found '1e3'",
    ),
    "none": ("holidays\tpictures\t0\t\t\t", "column count: must be greater than or equal to 1, fo"),
    "seed": ("holidays\tpictures\t\t-1\t\t", "column seed: must be a whole number in digits, as"),
    "id": ("../x\tpictures\t\t\t\t", "column dataset: must be an id of at most 100 letters, "),
    "no path": ("holidays\t\t\t\t\t", "column path: is missing. A folder of images; a list ("),
    "results within": (
        "holidays\t.\t\t\t\t",
        "column path: '.' holds the folder results, whose images change with every command; give",
    ),
    "compressed": (
        "holidays\tp.tar.gz\t\t\t\t",
        "column path: 'p.tar.gz' is compressed as a whole: its images cannot be read in any ord",
    ),
    "lines of a list": (
        "holidays\tl.txt\t\t\t\t",
        "line 3: 'b.png' does not exist; line 4: 'c.png' does not exist; and 2 more like this (l",
    ),
    "twice": (
        "holidays\tpictures\t\t\t\t\nholidays\tpictures\t\t\t\t",
        "line 3 (dataset 'holidays'): duplicate dataset 'holidays', first in datasets.tsv, line 2",
    ),
    "case": (
        "holidays\tpictures\t\t\t\t\nHolidays\tpictures\t\t\t\t",
        "line 3 (dataset 'Holidays'): id 'Holidays' differs from 'holidays' only in case",
    ),
}


@pytest.mark.parametrize("mistake", ROWS)
def test_a_mistake_is_reported(project, mistake):
    rows, words = ROWS[mistake]
    project.datasets = [COLUMNS, *rows.split("\n")]
    (project.folder / "p.tar.gz").touch()
    (project.folder / "l.txt").write_text("a.png\npictures/0.png\nb.png\nc.png\nd.png\ne.png")
    (project.folder / "t.tsv").write_text("image\npictures/0.png\n")
    assert words in project.message


def test_a_column_is_unknown(project):
    project.datasets = ["dataset\tfolder", "holidays\tpictures"]
    assert "datasets.tsv, line 1: unknown column 'folder'" in project.message
    assert (
        "column 'path' is missing; columns: dataset, path; optional: count, se" in project.message
    )


def test_all_mistakes_are_in_one_message(project):
    project.datasets = [COLUMNS, "holidays\tgone\t\t\t\t", "b\tpictures\tx\t\t\t"]
    project.runs += [project.row("b", dataset="c"), project.row("d", layer1="lo")]
    message = project.message
    assert message.startswith("4 mistakes")
    for words in ("'gone' does not exist", "found 'x'", "unknown data set 'c'", "no layer 'lo'"):
        assert words in message


def test_a_run_needs_the_table(project):
    del project.config["datasets"]
    words = (
        "column dataset: unknown data set 'holidays'; there are none (key datasets of my.yaml); "
    )
    assert f"{words}give a table, as in 'datasets: config/datasets.tsv'" in project.message
    project.config["datasets"] = "gone.tsv"
    assert "gone.tsv: does not exist (looked in " in project.message
    project.config |= {"datasets": "datasets.tsv", "figur": 1}  # whatever is wrong elsewhere
    assert project.message.startswith("1 mistake ")


def test_an_index_that_a_link_leads_elsewhere_is_refused(project, tmp_path_factory):
    project.load()
    project.folder.joinpath("results", "datasets").symlink_to(tmp_path_factory.mktemp("other"))
    assert "runs.tsv, line 2 (run 'a'): 'results/datasets/holidays.h5' leads to" in project.message


def test_only_data_sets_of_runs_have_to_be_there(project):
    project.datasets += ["other\tgone\t\t\t\t"]
    project.load()
    project.runs += [project.row("b", dataset="other")]
    assert "line 3 (dataset 'other'), column path: 'gone' does not exist" in project.message


def test_a_folder_is_listed_once_for_a_command(project, monkeypatch):
    project.datasets += ["more\tpictures\t\t7\t\t"]
    project.runs += [project.row("b", dataset="more")]
    listed: list[str] = []
    monkeypatch.setattr(
        "blockscope.config.project.look", lambda path: listed.append(path) or look(path)
    )
    found = project.load()
    before = source_digest("pictures", found.look)
    assert listed == ["pictures"]
    os.utime("pictures/1.png", (5, 5))
    assert source_digest("pictures", project.load().look) != before


def test_an_archive_is_listed_once_until_it_changes(project, monkeypatch):
    def pack(*numbers: int) -> None:
        with tarfile.open("p.tar", "w") as archive:
            for number in numbers:
                archive.add(f"pictures/{number}.png", f"{number}.png")

    listed: list[str] = []
    monkeypatch.setattr(dataset_checks, "look", lambda path: listed.append(path) or look(path))
    project.datasets = [COLUMNS, "holidays\tp.tar\t3\t\t\t"]
    pack(0, 1, 2)
    project.load()
    project.load()
    assert listed == ["p.tar"]
    pack(0, 1)
    assert "asks for 3 images, and 'p.tar' has 2; give fewer" in project.message
    assert len(listed) == 2
