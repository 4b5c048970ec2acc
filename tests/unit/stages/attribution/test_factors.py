"""The stage "factors": factors as a file, and their top labels as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.tiny_files import classes_of

from blockscope.attribution.factors import METHODS
from blockscope.io import datasets
from blockscope.io.errors import BadFile
from blockscope.stages.attribution.factors import write_factors


def write(folder, classes, fit_classes, n, top_labels, method="nmf"):
    write_factors(
        classes=classes,
        fit_classes=fit_classes,
        n=n,
        method=method,
        top_labels=top_labels,
        joint_labels=50,
        output=folder / "f.h5",
        output_table=folder / "f.tsv",
    )


def test_written_files_hold_the_factors_and_where_they_come_from(tmp_path, rng):
    paths = [tmp_path / "late.h5", tmp_path / "early.h5"]
    for path, shape in zip(paths, [(5, 7, 60), (10, 14, 60)], strict=True):
        datasets.write_h5(path, classes_of(rng.normal(size=shape), layer=path.stem))
    write(tmp_path, paths[1], paths[0], n=3, top_labels=4)
    with xr.open_dataset(tmp_path / "f.h5") as dataset:
        assert dict(dataset.sizes) == {"row": 10, "col": 14, "factor": 3, "label": 50, "rank": 4}
        assert dataset["spatial"].dims == ("row", "col", "factor")
        assert dataset["labels"].dims == ("factor", "label")
        facts = {key: dataset.attrs[key] for key in ("layer", "fit_layer", "method", "recipe", "n")}
        assert facts == {
            "layer": "early", "fit_layer": "late", "method": "nmf", "recipe": "joint", "n": 3,
        }  # fmt: skip
    table = pd.read_csv(tmp_path / "f.tsv", sep="\t", comment="#")
    assert list(table.columns) == ["factor", "rank", "label", "index", "weight"]
    assert len(table) == 12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("joint", [False, True])
def test_the_file_alone_gives_the_attribution_back(tmp_path, rng, method, joint):
    paths = [tmp_path / "late.h5", tmp_path / "early.h5"]
    for path, shape, scale in zip(paths, [(5, 7, 60), (10, 14, 60)], (40, 0.3), strict=True):
        datasets.write_h5(path, classes_of(scale * rng.normal(size=shape), layer=path.stem))
    write(tmp_path, paths[1], paths[0] if joint else None, n=3, top_labels=4, method=method)
    with xr.open_dataset(tmp_path / "f.h5") as factors, xr.open_dataset(paths[1]) as classes:
        found = (factors["spatial"] * factors["labels"]).sum("factor") + factors["mean"]
        # The labels of the file are some of those of the attribution, in another order.
        place = [classes["index"].to_numpy().tolist().index(i) for i in factors["index"]]
        wanted = classes["attribution"].isel(label=place).clip(min=0).transpose(*found.dims)
        error = np.linalg.norm(wanted - found) / np.linalg.norm(wanted)
        assert 0.1 < factors.attrs["relative_error"] < 1
        assert error == pytest.approx(factors.attrs["relative_error"], rel=1e-5)


def test_a_layer_without_positive_attribution_names_nothing(tmp_path, rng):
    content = classes_of(-rng.uniform(size=(5, 7, 9)))
    datasets.write_h5(tmp_path / "c.h5", content)
    write(tmp_path, tmp_path / "c.h5", None, n=2, top_labels=4)
    factors = datasets.read(tmp_path / "f.h5")
    assert "relative_error" not in factors.attrs
    assert pd.read_csv(tmp_path / "f.tsv", sep="\t", comment="#").empty


def test_a_label_with_a_hash_survives_readers_that_skip_comments(tmp_path, rng):
    content = classes_of(rng.uniform(size=(5, 7, 9)))
    content["label"] = [f"C# in\t{i} #{i}" for i in range(9)]
    datasets.write_h5(tmp_path / "c.h5", content)
    write(tmp_path, tmp_path / "c.h5", None, n=1, top_labels=9)
    table = pd.read_csv(tmp_path / "f.tsv", sep="\t", comment="#")
    assert sorted(table["label"]) == sorted(content["label"].to_numpy())


def test_layers_of_different_images_are_refused(tmp_path, rng):
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in paths:
        content = classes_of(rng.normal(size=(5, 7, 9)), image_sha256=path.stem)
        datasets.write_h5(path, content)
    with pytest.raises(BadFile, match=r"a\.h5' and .*b\.h5' differ in image_sha256: a, b"):
        write(tmp_path, paths[1], paths[0], n=2, top_labels=4)
    assert not (tmp_path / "f.h5").exists()
