"""The printed panel "activation grids": its cells, their sizes, and that everything fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_run import (
    activation_grid,
    changed_files,
    changed_run,
    input_pixels,
    write_run,
)
from numpy.typing import NDArray

from blockscope.figures.data.activation_grids import GridsPanel
from blockscope.figures.image_encoding import enlarge
from blockscope.figures.print.activation_grids import compose
from blockscope.io import datasets
from blockscope.io.errors import BadFile


def rewrite(path: Path, change: Callable[[xr.Dataset], xr.Dataset]) -> None:
    datasets.write_zarr(path, change(datasets.read(path)))


def side_by_side(held: xr.Dataset, crop: int) -> NDArray[np.uint8]:
    """Cells (row, col, y, x, rgb) put side by side one by one, without their edges."""
    cells = held["cells"].to_numpy()
    rows, cols, height, width, _ = cells.shape
    tall, broad = height - 2 * crop, width - 2 * crop
    sheet = np.zeros((rows * tall, cols * broad, 3), np.uint8)
    for row in range(rows):
        for col in range(cols):
            kept = cells[row, col, crop : crop + tall, crop : crop + broad]
            down, across = row * tall, col * broad
            sheet[down : down + tall, across : across + broad] = np.round(255 * kept)
    return sheet


def test_the_input_and_the_cells_of_each_layer_are_drawn(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    calls = recorded(monkeypatch, "raster")
    compose(run, files, any_style(dpi=40))
    drawn = [call[-1] for call in calls]
    wanted = [
        input_pixels(80, 112),
        *(side_by_side(datasets.read(path), 2) for path in files.many("grids")),
    ]
    assert len(drawn) == 3
    for found, whole in zip(drawn, wanted, strict=True):
        np.testing.assert_array_equal(found, enlarge(whole, found.shape[:2], smooth=True))
    widths = [call[2] for call in calls]
    assert widths == [widths[0]] * 3, "grids of few cells are as wide as those of many"


def test_a_cell_is_cropped_as_its_file_says(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    for crop in (0, 1, 3):
        path = files.many("grids")[0]
        datasets.write_zarr(path, datasets.read(path).assign_attrs(crop=crop))
        grid = GridsPanel.of_run(run, files).grids[0]
        held = datasets.read(files.many("grids")[0])
        np.testing.assert_array_equal(grid.mosaic(scaled=False), side_by_side(held, crop))
        assert grid.tiles.shape == (35, 12 - 2 * crop, 12 - 2 * crop, 3)
        kept = held["cells"].to_numpy()[3, 4, crop : 12 - crop, crop : 12 - crop]
        np.testing.assert_array_equal(grid.tiles[3 * 7 + 4], np.round(255 * kept))


def test_sides_are_in_proportion_to_the_vectors(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    lengths = np.full((5, 7), 6.0, np.float32)
    lengths[1, 2], lengths[4, 6], lengths[0, 0] = 12.0, 3.0, 0.0
    rewrite(
        files.many("grids")[0],
        lambda held: held.assign(magnitude=held["magnitude"].copy(data=lengths)),
    )
    grid = GridsPanel.of_run(run, files).grids[0]
    whole, sized = grid.mosaic(scaled=False), grid.mosaic(scaled=True)
    for (row, col), side in {(1, 2): 8, (3, 3): 4, (4, 6): 2, (0, 0): 0}.items():
        cell = np.s_[8 * row : 8 * row + 8, 8 * col : 8 * col + 8]
        start = (8 - side) // 2
        inner = np.zeros((8, 8), bool)
        inner[start : start + side, start : start + side] = True
        np.testing.assert_array_equal(sized[cell][inner], whole[cell][inner])
        assert (sized[cell][~inner] == 255).all()


def test_sizes_are_drawn_where_they_are_asked(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = write_run(tmp_path, rng)
    calls = recorded(monkeypatch, "raster")
    sheet = compose(run, files, any_style(dpi=40, scale_by_magnitude=True))
    grid = GridsPanel.of_run(run, files).grids[1]
    found = calls[2][-1]
    np.testing.assert_array_equal(found, enlarge(grid.mosaic(True), found.shape[:2], smooth=True))
    longest = f"{grid.magnitude.max():.1f}"
    assert "in proportion to the length of its activation vector" in words_on(sheet)
    assert f"mixed5a {longest}." in words_on(sheet)
    assert "in proportion" not in words_on(compose(run, files, any_style(dpi=20)))


def test_layers_are_those_asked_for_in_their_order(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    third = tmp_path / "mixed4a-coherent.zarr.zip"
    datasets.write_zarr(third, activation_grid(rng, "mixed4a", (6, 9)))
    run = changed_run(run, grids=["mixed5a", "mixed4a"])
    files = changed_files(files, grids=[files.many("grids")[1], third])
    assert [grid.layer for grid in GridsPanel.of_run(run, files).grids] == ["mixed5a", "mixed4a"]
    text = words_on(compose(run, files, any_style(dpi=20)))
    times = "\N{MULTIPLICATION SIGN}"
    for words in (
        "Activation grids: a-run",
        "Model blocks1000, image two_blocks; coherent activation grids",
        f"Input 80 {times} 112 px",
        f"mixed5a 3 {times} 4 positions mixed4a 6 {times} 9 positions",
    ):
        assert words in text, f"'{words}' is not on the sheet"


def test_axes_are_known_by_name_not_by_place(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    before = GridsPanel.of_run(run, files).grids[0]
    rewrite(files.many("grids")[0], lambda held: held.transpose("rgb", "x", "y", "col", "row"))
    after = GridsPanel.of_run(run, files).grids[0]
    np.testing.assert_array_equal(after.cells, before.cells)
    np.testing.assert_array_equal(after.magnitude, before.magnitude)


@pytest.mark.parametrize("key", ["model", "image", "layer"])
def test_grids_of_another_run_are_refused(
    tmp_path: Path, rng: np.random.Generator, key: str
) -> None:
    run, files = write_run(tmp_path, rng)
    rewrite(files.many("grids")[1], lambda held: held.assign_attrs({key: "other"}))
    with pytest.raises(BadFile, match=rf"mixed5a-coherent.* is from {key} 'other', expected '"):
        GridsPanel.of_run(run, files)


def test_a_grid_without_its_crop_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    held = datasets.read(files.many("grids")[0])
    del held.attrs["crop"]
    datasets.write_zarr(files.many("grids")[0], held)
    with pytest.raises(BadFile, match=r"mixed4d-coherent.* has no attribute crop; regenerate it"):
        GridsPanel.of_run(run, files)


def test_cells_that_diverged_are_counted(tmp_path: Path, rng: np.random.Generator) -> None:
    run, files = write_run(tmp_path, rng)
    assert "diverged" not in words_on(compose(run, files, any_style(dpi=20)))
    steps = np.full((5, 7), -1)
    steps[2, 3] = steps[0, 1] = 0
    rewrite(files.many("grids")[0], lambda held: held.assign(diverged_step=(("row", "col"), steps)))
    text = words_on(compose(run, files, any_style(dpi=20)))
    assert "2 cells of mixed4d diverged: their numbers became NaN or infinite." in text


@pytest.mark.parametrize("size", [(80, 112), (150, 50)], ids=["wide", "tall"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_everything_fits(
    tmp_path: Path, rng: np.random.Generator, count: int, size: tuple[int, int]
) -> None:
    run, files = write_run(tmp_path, rng, size=size)
    names = [f"mixed4{letter}_with_a_name_of_some_length" for letter in "abcde"[:count]]
    files = changed_files(files, grids=[tmp_path / f"{name}-coherent.zarr.zip" for name in names])
    for path, name in zip(files.many("grids"), names, strict=True):
        datasets.write_zarr(path, activation_grid(rng, name, (4, 9)))
    for width in (40, 85, 180, 400):
        sheet = compose(
            changed_run(run, grids=names),
            files,
            any_style(width_mm=width, dpi=20, scale_by_magnitude=True),
        )
        check_layout(sheet)
        assert len(sheet.images) == 1 + count
