"""What is written of arrays beside their values: axes counted from 0, names, units, one order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from blockscope.io import datasets
from blockscope.io.conventions import AXES, CONVENTIONS, with_conventions

WRITERS = {".h5": datasets.write_h5, ".zarr.zip": datasets.write_zarr}


@pytest.fixture
def bare(rng: np.random.Generator) -> xr.Dataset:
    return xr.Dataset(
        {
            "attribution": (
                ("label", "row", "col"),
                rng.normal(size=(2, 5, 3)),
                {"units": "logit"},
            ),
            "count": ("label", np.array([7, 0])),
            "other": ("nameless", np.arange(4.0)),
        },
        {"label": ["a", "b"], "col": ("col", [2, 4, 6], {"units": "mm", "long_name": "own"})},
        {"image": "noise"},
    )


@pytest.mark.parametrize("ending", WRITERS)
def test_axes_have_values_names_and_units(tmp_path: Path, bare: xr.Dataset, ending: str) -> None:
    WRITERS[ending](tmp_path / f"a{ending}", bare)
    found = datasets.read(tmp_path / f"a{ending}")
    assert found["row"].to_numpy().tolist() == [0, 1, 2, 3, 4]
    assert found["row"].attrs == {"long_name": "row, from the top", "units": "1"}
    assert found["col"].to_numpy().tolist() == [2, 4, 6]
    assert found["col"].attrs == {"long_name": "own", "units": "mm"}
    assert found["label"].attrs == {"long_name": AXES["label"]}
    assert found["attribution"].attrs == {"units": "logit"}  # its name is not known here
    assert (found["count"].attrs, found["other"].attrs) == ({"units": "1"}, {})
    assert "nameless" not in found.coords
    assert found.attrs == {"Conventions": CONVENTIONS, "image": "noise"}


def test_the_order_of_what_was_said_changes_nothing(bare: xr.Dataset) -> None:
    turned = bare.copy()
    turned["col"].attrs = dict(reversed(bare["col"].attrs.items()))
    once = with_conventions(bare)
    for again in (with_conventions(turned), with_conventions(once)):
        xr.testing.assert_identical(again, once)
        assert list(again.variables) == list(once.variables)
        assert [list(again[name].attrs) for name in again.variables] == [
            list(once[name].attrs) for name in once.variables
        ]
    assert "row" not in bare.coords
    assert list(bare["col"].attrs) == ["units", "long_name"]  # what is given stays as it is
