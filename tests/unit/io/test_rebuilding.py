"""What files say of the settings that made them, also of the files that they are made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from blockscope.config.rebuilt import write_config
from blockscope.config.settings import Config, ImageRow, RunRow
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.io.packaged import located, named
from blockscope.io.rebuilding import sections_of, told

ENTRY = {"graph": {"path": "ü.pb"}, "input": {"size": [3, 5], "range": [0, 1]}}


def test_sections_are_joined_and_own_ones_win() -> None:
    image = told({}, models={"a": ENTRY}, images={"x": {"path": "x.png"}}, layers=["low", "high"])
    sprites = told({}, models={"a": ENTRY}, sprites={"recipe": "draft"})
    own = {"images": {"x": {"mask": "m.png"}}, "layers": ["high", "top"], "runs": [{"run": "r"}]}
    both = told([image, sprites, {}], **own)
    assert list(both) == ["settings"]
    assert sections_of(both) == {
        "models": {"a": ENTRY},
        "images": {"x": {"path": "x.png", "mask": "m.png"}},
        "layers": ["high", "top"],
        "sprites": {"recipe": "draft"},
        "runs": [{"run": "r"}],
    }
    assert told([sprites, image]) == told([image, sprites])  # the same bytes in any order
    assert "ü.pb" in both["settings"]


def test_a_file_of_the_package_has_the_name_that_settings_give_it(tmp_path: Path) -> None:
    assert named(located("blockscope:scenes/two.png")) == "blockscope:scenes/two.png"
    assert named("photos/a.png") == "photos/a.png"
    assert named(tmp_path / "a.png") == str(tmp_path / "a.png")


def written(folder: Path, **sections: object) -> Path:
    import xarray as xr

    facts = provenance.record("classes", model="a", **told({}, **sections))
    path = folder / "results/a/x/none/classes/low.h5"
    datasets.write_h5(path, xr.Dataset(attrs=facts))
    return path


def test_the_config_says_what_the_file_says(tmp_path: Path) -> None:
    row = {"path": "x.png", "mask": "m.png", "objects": {"#ff0000": "bee", "#00ff00": "cow"}}
    path = written(
        tmp_path, models={"a": ENTRY}, images={"x": row}, layers=["low", "high"],
        factors={"top_labels": 7},
    )  # fmt: skip
    folder = tmp_path / "again"
    command = write_config(path, folder)
    target = "results/a/x/none/classes/low.h5"
    assert command == f"snakemake {target} --configfile {folder}/config.yaml"
    config = Config.model_validate(yaml.safe_load((folder / "config.yaml").read_text()))
    assert config.factors.top_labels == 7
    assert yaml.safe_load(Path(config.models).read_text()) == {"a": ENTRY}
    header, cells = (line.split("\t") for line in Path(config.images).read_text().splitlines())
    image = ImageRow.model_validate(dict(zip(header, cells, strict=True)))
    assert image.model_dump() == {"image": "x", **row}
    header, cells = (line.split("\t") for line in Path(config.runs).read_text().splitlines())
    run = RunRow.model_validate(dict(zip(header, cells, strict=True)))
    assert (run.model, run.image, run.layers) == ("a", "x", ("low", "high"))
    assert config.datasets is None


def test_a_network_without_two_layers_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, models={"a": ENTRY}, layers=[])
    with pytest.raises(BadFile, match=r"^model 'a' has no two layers of which one is computed"):
        write_config(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_settings_are_json_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, models={"a": ENTRY})
    facts = provenance.read(path)
    assert json.loads(str(facts["settings"])) == {"models": {"a": ENTRY}}
    assert {"numpy", "scikit_learn"} <= set(facts)
