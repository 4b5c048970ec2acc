"""Stage ``grid_image``: the cells of a file as one image, which records what the file does."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from blockscope.feature_visualization.mosaics import grid_sheet
from blockscope.feature_visualization.pixels import as_bytes
from blockscope.io import datasets, provenance
from blockscope.stages.feature_visualization.grid_image import write_grid

KNOWN: dict[str, Any] = {
    "model": "tiny", "layer": "mixed", "crop": 1, "method": "plain", "steps": 4, "seed": 5,
    "recipe": "draft", "recipe_beta1": 0.5,
}  # fmt: skip


@pytest.fixture
def cells_file(rng, tmp_path):
    """Write cells of 2 x 3 positions, and return them with their path."""
    dims = ("row", "col", "y", "x", "rgb")
    cells = rng.uniform(size=(2, 3, 9, 7, 3)).astype(np.float32)
    lengths = np.array([[3.0, 6.0, 1.5], [6.0, 0.0, 2.0]], np.float32)
    kept = {"cells": (dims, cells), "magnitude": (("row", "col"), lengths)}
    path = tmp_path / "mixed-plain.zarr.zip"
    datasets.write_zarr(path, xr.Dataset(kept, attrs=provenance.record("render_grid", **KNOWN)))
    return path, cells, lengths


def test_cells_of_the_earlier_format_give_the_same_image(cells_file, tmp_path):
    """They were float32, 0 to 1."""
    path, cells, _ = cells_file
    write_grid(zarr=path, scale_by_magnitude=False, png=tmp_path / "a.png")
    held = datasets.read(path)
    now = held.assign(cells=(held["cells"].dims, as_bytes(cells)))
    datasets.write_zarr(path, now.assign_attrs(held.attrs))
    write_grid(zarr=path, scale_by_magnitude=False, png=tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("scaled", [False, True])
def test_an_image_shows_the_file_and_records_what_it_does(cells_file, tmp_path, scaled):
    path, cells, lengths = cells_file
    write_grid(zarr=path, scale_by_magnitude=scaled, png=tmp_path / "grid.png")
    drawn = np.asarray(Image.open(tmp_path / "grid.png"))
    np.testing.assert_array_equal(
        drawn, grid_sheet(as_bytes(cells), 1, lengths if scaled else None)
    )
    facts = provenance.read(tmp_path / "grid.png")
    assert {"created_by": "grid_image", **KNOWN}.items() <= facts.items()


def test_drawing_needs_no_tensorflow(cells_file, tmp_path):
    program = (
        "import sys; from blockscope.stages.feature_visualization.grid_image import write_grid; "
        f"write_grid(zarr={str(cells_file[0])!r}, scale_by_magnitude=True, "
        f"png={str(tmp_path / 'grid.png')!r}); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == 0
    assert (tmp_path / "grid.png").exists()
