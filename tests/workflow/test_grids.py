"""Activation grids in the workflow: made on request, and repeated only when needed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from blockscope import provenance, show, stores
from blockscope.digest import reached_modules

pytestmark = pytest.mark.slow

GRID = "results/tiny/noise/grids/low-coherent"
PNG = f"{GRID}.png"
ROWS, COLS, CELL = 8, 10, 10
OPTIONS = "{cell: 10, steps: 2, groups: 2, drawn: 5, magnitude: true, seed: 3}"


@pytest.fixture(scope="module")
def gridded(finished, tmp_path_factory):
    """Return a finished project with a grid of the layer low as well."""
    folder = tmp_path_factory.mktemp("gridded") / "copy"
    shutil.copytree(finished[0].folder, folder)
    project = type(finished[0])(folder)
    project.edit("config/config.yaml", "\nneurons:", f"\ngrids: {OPTIONS}\nneurons:")
    assert project.planned(PNG) == {"grid": 1}
    done = project.snakemake(PNG)
    assert done.returncode == 0, done.stdout
    return project


def test_cells_picture_and_where_they_come_from(gridded):
    path = gridded.path(f"{GRID}.zarr.zip")
    grid = stores.read(path)
    assert grid.cells.dims == ("row", "col", "y", "x", "rgb")
    assert grid.cells.shape == (ROWS, COLS, CELL, CELL, 3)
    assert grid.cells.dtype == np.float32
    assert 0 <= grid.cells.min() <= grid.cells.max() <= 1
    values = stores.read(gridded.path("results/tiny/noise/activations/low.zarr.zip")).activations
    np.testing.assert_allclose(grid.magnitude, np.linalg.norm(values.to_numpy(), axis=2), rtol=1e-6)
    facts = provenance.of(path)
    known = {"created_by": "grid", "model": "tiny", "image": "noise", "layer": "low", "seed": 3}
    asked = {"method": "coherent", "groups": 2, "drawn": 5, "steps": 2, "size": CELL, "crop": 2}
    assert {**known, **asked}.items() <= facts.items()
    assert provenance.of(gridded.path(PNG)) == facts
    assert show.MEANING["grid"] in show.describe(path)
    sheet = np.asarray(Image.open(gridded.path(PNG)))
    assert sheet.shape == (ROWS * (CELL - 4), COLS * (CELL - 4), 4)
    row, col = divmod(int(np.argmax(grid.magnitude.to_numpy())), COLS)
    shown = sheet[row * 6 : row * 6 + 6, col * 6 : col * 6 + 6]
    assert (shown[..., 3] == 255).all()
    expected = np.rint(255 * grid.cells[row, col, 2:-2, 2:-2])
    np.testing.assert_array_equal(shown[..., :3], expected)


def test_progress_is_in_the_log(gridded):
    log = gridded.path("logs/grid/tiny/noise/low-coherent.log").read_text()
    assert "2/2" in log
    assert "objective" in log


def test_every_function_that_a_grid_calls_counts_in_its_digest(gridded):
    (noted,) = gridded.path("called").glob("grid-*.json")
    _, called = json.loads(noted.read_text())
    script = gridded.path("workflow/scripts/grid.py")
    reached = reached_modules(script, gridded.path("src/blockscope"))
    missed = {
        f"{module}.{name}"
        for module, name in map(tuple, called)
        if module != "blockscope.job" and not name.startswith("<")
        if name not in reached.get(module, set())
    }
    assert not missed
    assert "blockscope.ascent.grids_coherent" in reached


@pytest.mark.parametrize(
    ("old", "new"),
    [("steps: 2", "steps: 3"), ("seed: 3", "seed: 4"), ("cell: 10", "cell: 10, recipe: lucid")],
)
def test_what_decides_a_grid_repeats_it_and_nothing_else(gridded, old, new):
    gridded.edit("config/config.yaml", old, new)
    assert gridded.planned(PNG) == {"grid": 1}
    gridded.edit("config/config.yaml", new, old)
    assert gridded.planned(PNG) == {}


def test_an_unknown_method_has_no_rule(gridded):
    done = gridded.snakemake("--dry-run", PNG.replace("coherent", "naive"))
    assert done.returncode != 0
    assert "low-naive.png" in done.stdout


def test_more_groups_than_the_layer_has_are_told(gridded):
    gridded.edit("config/config.yaml", "groups: 2, drawn", "groups: 7, drawn")
    done = gridded.snakemake(PNG)
    gridded.edit("config/config.yaml", "groups: 7, drawn", "groups: 2, drawn")
    assert done.returncode != 0
    assert "7 groups asked" in done.stdout
    assert "valid: 1 to 4 (key grids.groups of the settings)" in done.stdout
