"""Files that ``show --config`` refuses, as they do not say enough of what made them."""

from __future__ import annotations

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


def file_of(folder: Path, stage: str, **facts: str) -> Path:
    path = folder / "results" / "a.h5"
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


def test_what_a_network_alone_made_is_not(tmp_path: Path) -> None:
    path = file_of(tmp_path, "render_sprites", model="tiny", **NETWORK)
    command = write_config(path, tmp_path / "again")
    assert command == f"snakemake results/a.h5 --configfile {tmp_path}/again/config.yaml"


def test_the_command_is_one_for_a_shell(tmp_path: Path) -> None:
    """The target comes before the option, which takes several configs."""
    path = file_of(tmp_path, "render_sprites", model="tiny", **NETWORK)
    command = write_config(path, tmp_path / "a 'b' c")
    assert shlex.split(command) == [
        "snakemake", "results/a.h5", "--configfile", f"{tmp_path}/a 'b' c/config.yaml",
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
