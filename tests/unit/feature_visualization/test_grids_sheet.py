"""The stage "grid": cells side by side, cropped, and as large as their vectors are long."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from blockscope.feature_visualization.grids_sheet import grid_sheet, middles, write_grid
from blockscope.io import datasets, provenance


def test_the_sheet_is_row_by_row_and_cropped(rng):
    cells = rng.uniform(size=(2, 3, 5, 7, 3)).astype(np.float32)
    sheet = grid_sheet(cells, 1)
    assert sheet.shape == (2 * 3, 3 * 5, 3)
    expected = np.rint(255 * cells[1, 2, 1:-1, 1:-1])
    np.testing.assert_array_equal(sheet[3:6, 10:15], expected)
    assert grid_sheet(cells, 0).shape == (10, 21, 3)


def test_a_stronger_cell_shows_more_of_itself(rng):
    cells = rng.uniform(size=(1, 3, 5, 7, 3)).astype(np.float32)
    sheet = grid_sheet(cells, 0, np.array([[8.0, 4.4, 0.0]]))
    assert sheet.shape == (5, 21, 4)
    np.testing.assert_array_equal(sheet[..., :3], grid_sheet(cells, 0))
    shown = sheet[..., 3] == 255
    assert shown[:, :7].all()
    rows, cols = np.nonzero(shown[:, 7:14])
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (1, 3, 1, 4)
    assert not sheet[:, 14:, 3].any()
    assert not middles(np.zeros((2, 2)), 5, 7).any()


@pytest.fixture
def cells_file(rng, tmp_path):
    """Write cells of 2 x 3 positions, and return them with their path."""
    dims = ("row", "col", "y", "x", "rgb")
    cells = rng.uniform(size=(2, 3, 9, 7, 3)).astype(np.float32)
    lengths = np.array([[3.0, 6.0, 1.5], [6.0, 0.0, 2.0]], np.float32)
    kept = {"cells": (dims, cells), "magnitude": (("row", "col"), lengths)}
    known = {"model": "tiny", "layer": "mixed", "crop": 1, "method": "plain", "steps": 4, "seed": 5}
    path = tmp_path / "mixed-plain.zarr.zip"
    datasets.write_zarr(path, xr.Dataset(kept, attrs=provenance.record("cells", **known)))
    return path, cells, lengths


@pytest.mark.parametrize("magnitude", [False, True])
def test_a_drawing_shows_the_file_and_says_what_it_says(cells_file, tmp_path, magnitude):
    path, cells, lengths = cells_file
    write_grid(path, magnitude, tmp_path / "grid.png")
    drawn = np.asarray(Image.open(tmp_path / "grid.png"))
    np.testing.assert_array_equal(drawn, grid_sheet(cells, 1, lengths if magnitude else None))
    facts = provenance.read(tmp_path / "grid.png")
    known = {"model": "tiny", "layer": "mixed", "crop": 1, "method": "plain", "steps": 4, "seed": 5}
    assert {"created_by": "grid", **known}.items() <= facts.items()


def test_drawing_needs_no_tensorflow(cells_file, tmp_path):
    program = (
        "import sys; from blockscope.feature_visualization.grids_sheet import write_grid; "
        f"write_grid({str(cells_file[0])!r}, True, {str(tmp_path / 'grid.png')!r}); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == 0
    assert (tmp_path / "grid.png").exists()
