"""What h5py reads of result files is what xarray reads of them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr

from blockscope.io import datasets
from blockscope.io.checksums import MARK, seal
from blockscope.io.errors import BadFile
from blockscope.io.netcdf import read_netcdf

NAMES = np.array(["crane", "naïve 猫", "", "crane"], object)


def everything(rng) -> xr.Dataset:
    """Return arrays of each kind that stages write."""
    values = rng.normal(size=(4, 5, 7)).astype("f4")
    values[1, 2] = np.nan
    note = {"long_name": "attribution", "units": "logit"}
    return xr.Dataset(
        {
            "attribution": (("label", "row", "col"), values, note),
            "many": (("long", "label"), np.tile(NAMES, (900, 1))),
            "whole": ("label", np.arange(4, dtype="i8")),
            "pixels": (("row", "rgb"), rng.integers(0, 256, (5, 3)).astype("u1")),
            "moved": ("label", np.array([True, False, True, True])),
            "double": ("row", rng.normal(size=5)),
            "alone": ((), np.float32(2.5), {"units": "1"}),
            "none": ("damaged", np.array([], "i8")),
            "no_text": ("damaged", np.array([], np.str_)),
        },
        {
            "label": NAMES,
            "rgb": list("rgb"),
            "index": ("label", np.array([3, 1, 4, 1], "i4")),
            "place": (("row", "col"), rng.normal(size=(5, 7)).astype("f4")),
        },
        {"created_by": "classes", "model": "naïve", "seed": 2**40, "least": 1e-9, "empty": ""},
    )


def by_xarray(path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def check_equal(found: xr.Dataset, wanted: xr.Dataset) -> None:
    xr.testing.assert_identical(found, wanted)
    for kind in ("variables", "coords", "data_vars", "dims", "attrs"):
        assert list(getattr(found, kind)) == list(getattr(wanted, kind)), kind
    for name, variable in wanted.variables.items():
        assert found[name].dtype == variable.dtype, name
        assert type(found[name].variable) is type(wanted[name].variable), name
        assert list(found[name].attrs) == list(variable.attrs), name
    for key, value in wanted.attrs.items():
        assert type(found.attrs[key]) is type(value), key


def test_a_file_of_every_kind_of_array(rng, tmp_path) -> None:
    path = tmp_path / "a.h5"
    datasets.write_h5(path, everything(rng))
    wanted = by_xarray(path)
    check_equal(datasets.read(path), wanted)
    with h5py.File(path) as file:
        found = read_netcdf(file)
    assert found is not None  # not left to xarray
    check_equal(found, wanted)


def test_a_file_as_earlier_versions_wrote_it(rng, tmp_path) -> None:
    """Text of variable length, and axes without values."""
    path = tmp_path / "a.h5"
    everything(rng).to_netcdf(path, engine="h5netcdf")
    with h5py.File(path) as file:
        assert h5py.check_string_dtype(file["label"].dtype).length is None
        assert "row" in file
        found = read_netcdf(file)
    assert found is not None
    assert "row" not in found.variables
    check_equal(found, by_xarray(path))


@pytest.mark.parametrize(
    "kind", ["group", "unnamed axis", "any length", "compound", "truth", "renamed"]
)
def test_what_result_files_never_have_is_left_to_xarray(rng, tmp_path, kind: str) -> None:
    path = tmp_path / "a.h5"
    datasets.write_h5(path, everything(rng))
    with h5py.File(path, "a") as file:
        if kind == "group":
            file.create_group("other")
        elif kind == "any length":
            file.create_dataset("other", (3,), maxshape=(None,))
        else:
            dtype = {"compound": "f4, i4", "truth": "?"}.get(kind, "f4")
            name = "_nc4_non_coord_row" if kind == "renamed" else "other"
            file.create_dataset(name, () if kind == "renamed" else (3,), dtype)
        assert read_netcdf(file) is None


def test_a_file_of_another_library_is_read(rng, tmp_path) -> None:
    path, values = tmp_path / "a.h5", rng.normal(size=(3, 2))
    with h5py.File(path, "w") as file:
        for name, length in (("row", 3), ("col", 2)):
            file[name] = np.arange(length)
            file[name].make_scale(name)
        file["other"] = values
        for place, name in enumerate(("row", "col")):
            file["other"].dims[place].attach_scale(file[name])
        assert read_netcdf(file) is None
    with pytest.raises(BadFile, match="does not end in its checksum"):
        datasets.read(path)
    with open(path, "ab") as content:
        content.write(MARK)
    seal(path)
    np.testing.assert_array_equal(datasets.read(path)["other"], values)
