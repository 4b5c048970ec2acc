"""Files that ``show --config`` refuses, as they do not say enough of what made them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import xarray as xr

from blockscope.config.rebuilt import write_config
from blockscope.config.settings import FigureOptions, GridOptions
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import told

NETWORK = told({}, models={"tiny": {"graph": "tiny.pb"}}, layers=["low", "high"])
OF_RUN = told({}, models={"tiny": {"graph": "tiny.pb"}}, runs=[{"run": "a", "dataset": "scenes"}])


def file_of(folder: Path, stage: str, place: str = "models/tiny/a.h5", **facts: str) -> Path:
    path = folder / "results" / place
    found = xr.Dataset(attrs=provenance.record(stage, **facts))
    datasets.write_h5(path, found)
    return path


@pytest.mark.parametrize(
    ("stage", "facts", "found"),
    [
        ("dataset", {"dataset": "scenes"}, "the data set 'scenes'"),
        ("exemplars", {"dataset": "scenes", "dataset_digest": "aa"}, "the data set 'scenes'"),
        ("channel_page", {"datasets": "scenes, others"}, "the data set 'scenes, others'"),
        ("sweep", {"dataset_digest": "aa"}, "a data set"),
        ("contact_sheet", {"dataset": "scenes", **NETWORK}, "the data set 'scenes'"),
        ("panel", OF_RUN, "the data set 'scenes'"),
    ],
)
def test_what_images_of_a_data_set_made_is_refused(tmp_path, stage, facts, found) -> None:
    words = (
        rf"a\.h5' is made from the images of {found}, and no file records the table of "
        "data sets; use the config that it was made with"
    )
    with pytest.raises(BadFile, match=words):
        write_config(file_of(tmp_path, stage, **facts), tmp_path / "again")
    assert not (tmp_path / "again").exists()


MODELS = {"models": {"tiny": {"graph": "tiny.pb"}}}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"runs": "abc", **MODELS}, "runs are"),
        ({"runs": [1], **MODELS}, "runs are"),
        ({"models": [1]}, "models are"),
        ({"models": {"tiny": 3}}, "models are"),
        ({"images": [1], "runs": [{"run": "a"}], **MODELS}, "images are"),
        ({"images": {"a": 3}, "runs": [{"run": "a"}], **MODELS}, "images are"),
        ({"images": {"a": {"objects": 3}}, "runs": [{"run": "a"}], **MODELS}, "images.objects are"),
        ({"layers": "low", **MODELS}, "layers are"),
        ({"layers": [1, 2], "runs": 7, **MODELS}, "runs, layers are"),
    ],
)
def test_settings_that_were_changed_by_hand_are_refused(tmp_path, changed, found) -> None:
    path = tmp_path / "results/tiny/a/none/factors/low-2.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(f"# created_by: factors\n# settings: {json.dumps(changed)}\nfactor\n1\n")
    words = rf"low-2\.tsv' records are damaged: {found} not what a job writes there; make the file"
    with pytest.raises(BadFile, match=words):
        write_config(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_a_network_alone_made_is_not(tmp_path: Path) -> None:
    path = file_of(tmp_path, "render_sprites", model="tiny", **NETWORK)
    command = write_config(path, tmp_path / "again")
    assert (
        command == f"snakemake results/models/tiny/a.h5 --configfile {tmp_path}/again/config.yaml"
    )


@pytest.mark.parametrize(
    ("place", "facts", "told"),
    [
        ("figures/b/spatial.pdf.h5", {"run": "a"}, "run 'a'"),
        ("models/other/a.h5", {}, "model 'tiny'"),
        ("other/crane/a.h5", {"image": "crane"}, "model 'tiny'"),
        ("tiny/tower/a.h5", {"image": "crane"}, "image 'crane'"),
        ("tiny/crane/smooth/classes/low.h5", {"override": "none"}, "override 'none'"),
        ("tiny/crane/none/classes/low.h5", {"layer": "a/b"}, "layer 'a/b'"),
        ("tiny/crane/none/positions/low--top.h5", {"layer2": "high"}, "layer2 'high'"),
    ],
)
def test_a_file_copied_to_the_place_of_another_is_refused(tmp_path, place, facts, told) -> None:
    path = file_of(tmp_path, "any", place, model="tiny", **facts, **NETWORK)
    words = rf"says that it is of {told}, which its place does not; give the file where it was made"
    with pytest.raises(BadFile, match=words):
        write_config(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_at_its_own_place_is_taken(tmp_path: Path) -> None:
    place = "tiny/crane/smooth/positions/a~b--high.h5"
    facts = {"image": "crane", "override": "smooth", "layer1": "a/b", "layer2": "high"}
    path = file_of(tmp_path, "any", place, model="tiny", **facts, **NETWORK)
    assert "positions/a~b--high.h5" in write_config(path, tmp_path / "again")


def test_the_command_is_one_for_a_shell(tmp_path: Path) -> None:
    """The target comes before the option, which takes several configs."""
    path = file_of(tmp_path, "render_sprites", model="tiny", **NETWORK)
    command = write_config(path, tmp_path / "a 'b' c")
    assert shlex.split(command) == [
        "snakemake", "results/models/tiny/a.h5", "--configfile", f"{tmp_path}/a 'b' c/config.yaml",
    ]  # fmt: skip


def test_damaged_settings_are_told(tmp_path: Path) -> None:
    for settings, words in (("{", "damaged: Expecting"), ("3", "damaged: 3 is no mapping")):
        path = file_of(tmp_path, "render_sprites", model="tiny", settings=settings)
        with pytest.raises(BadFile, match=rf"the recorded settings are {words}.*make the file ag"):
            write_config(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_default_is_the_same_written_out() -> None:
    """Else a file made with the default has other bytes than one made again."""
    assert repr(GridOptions()) == repr(GridOptions(cosine_power=2))
    assert repr(FigureOptions()) == repr(FigureOptions(width_mm=180))
