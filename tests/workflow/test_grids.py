"""Activation grids in the workflow: made on request, and repeated only when needed."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.described_arrays import stages_described
from PIL import Image

from blockscope.config.stages import STAGES
from blockscope.io import datasets, provenance
from blockscope.stages import result_files

pytestmark = pytest.mark.slow

GRID = "results/tiny/noise/grids/low-coherent"
PNG = f"{GRID}.png"
BOTH = {"render_grid": 1, "grid_image": 1}
ROWS, COLS, CELL = 8, 10, 10
OPTIONS = (
    "{cell_size: 10, steps: 2, neuron_groups: 2, cells_per_step: 5, "
    "scale_by_magnitude: true, seed: 3}"
)


@pytest.fixture(scope="module")
def gridded(finished, made_once):
    """Return a finished project with a grid of the layer low as well; no test changes it."""

    def make(folder):
        project = finished[0].copied(folder)
        project.edit(
            "config/config.yaml", "\nneuron_groups:", f"\ngrids: {OPTIONS}\nneuron_groups:"
        )
        assert project.planned(PNG) == BOTH
        done = project.snakemake(PNG)
        assert done.returncode == 0, done.stdout

    return made_once("gridded", make)


@pytest.fixture
def changeable(gridded, tmp_path):
    """Return a copy of it for one test to change."""
    return gridded.copied(tmp_path / "copy")


def test_every_array_is_described(gridded):
    assert "render_grid" in stages_described(gridded.path("results"))


def test_cells_image_and_provenance(gridded):
    path = gridded.path(f"{GRID}.zarr.zip")
    grid = datasets.read(path)
    assert grid.cells.dims == ("row", "col", "y", "x", "rgb")
    assert grid.cells.shape == (ROWS, COLS, CELL, CELL, 3)
    assert grid.cells.dtype == np.uint8
    assert int(grid.cells.max()) - int(grid.cells.min()) > 50
    values = datasets.read(gridded.path("results/tiny/noise/activations/low.zarr.zip")).activations
    np.testing.assert_allclose(grid.magnitude, np.linalg.norm(values.to_numpy(), axis=2), rtol=1e-6)
    facts = provenance.read(path)
    known = {
        "created_by": "render_grid",
        "model": "tiny",
        "image": "noise",
        "layer": "low",
        "seed": 3,
    }
    asked = {
        "method": "coherent",
        "recipe": "draft",
        "neuron_groups": 2,
        "cells_per_step": 5,
        "steps": 2,
        "size": CELL,
        "crop": 1,
        "cosine_power": 2,
    }
    assert {**known, **asked}.items() <= facts.items()
    drawn = {key: facts[key] for key in (*known, *asked)} | {"created_by": "grid_image"}
    assert drawn.items() <= provenance.read(gridded.path(PNG)).items()
    assert STAGES["render_grid"].summary in result_files.describe(path)
    assert STAGES["grid_image"].summary in result_files.describe(gridded.path(PNG))
    assert not gridded.path("results/tiny/noise/grids/progress/low-coherent").exists()
    sheet = np.asarray(Image.open(gridded.path(PNG)))
    assert sheet.shape == (ROWS * 8, COLS * 8, 4)
    row, col = divmod(int(np.argmax(grid.magnitude.to_numpy())), COLS)
    shown = sheet[row * 8 : row * 8 + 8, col * 8 : col * 8 + 8]
    assert (shown[..., 3] == 255).all()
    np.testing.assert_array_equal(shown[..., :3], grid.cells[row, col, 1:-1, 1:-1])


def test_progress_is_in_the_log(gridded):
    log = gridded.path("logs/render_grid/tiny/noise/low-coherent.log").read_text()
    assert "2/2" in log
    assert "objective" in log


def test_every_module_that_a_grid_uses_counts_in_its_digest(gridded):
    uncounted = gridded.uncounted_modules()
    assert {"render_grid", "grid_image"} <= set(uncounted)
    assert not any(uncounted.values()), uncounted


def test_another_way_to_draw_renders_nothing(changeable):
    cells = changeable.path(f"{GRID}.zarr.zip").stat().st_mtime_ns
    changeable.edit("config/config.yaml", "magnitude: true, s", "magnitude: false, s")
    assert changeable.planned(PNG) == {"grid_image": 1}
    done = changeable.snakemake(PNG)
    assert done.returncode == 0, done.stdout
    assert np.asarray(Image.open(changeable.path(PNG))).shape[2] == 3
    assert changeable.path(f"{GRID}.zarr.zip").stat().st_mtime_ns == cells
    changeable.edit("config/config.yaml", "magnitude: false, s", "magnitude: true, s")
    assert changeable.planned(PNG) == {"grid_image": 1}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steps: 2", "steps: 3"),
        ("seed: 3", "seed: 4, cosine_power: 1"),
        ("cell_size: 10", "cell_size: 10, recipe: lucid"),
    ],
)
def test_what_decides_a_grid_repeats_it_and_nothing_else(changeable, old, new):
    changeable.edit("config/config.yaml", old, new)
    assert changeable.planned(PNG) == BOTH
    changeable.edit("config/config.yaml", new, old)
    assert changeable.planned(PNG) == {}


def test_an_unknown_method_has_no_rule(gridded):
    done = gridded.snakemake("--dry-run", PNG.replace("coherent", "naive"))
    assert done.returncode != 0
    assert "low-naive.png" in done.stdout


def test_more_groups_than_the_layer_has_are_told(changeable):
    changeable.edit("config/config.yaml", "groups: 2, cells", "groups: 7, cells")
    done = changeable.snakemake(PNG)
    assert done.returncode != 0
    assert "cannot fit 7 neuron groups" in done.stdout
    assert "valid: 1 to 4 (key grids.neuron_groups of the config)" in done.stdout


def test_an_unknown_recipe_is_told_with_the_valid_ones(changeable):
    changeable.edit("config/config.yaml", "cell_size: 10", "cell_size: 10, recipe: drafty")
    done = changeable.snakemake("--dry-run", PNG)
    assert done.returncode != 0
    assert "grids.recipe" in done.stdout
    assert "'drafty'" in done.stdout
    assert "lucid" in done.stdout
