"""Stage ``render_grid``: killed grids are resumed; those that cannot be made are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import helpers.tiny_rendering as rendering
import numpy as np
import pytest
import tensorflow as tf
import xarray as xr
from helpers.repository import files_in
from helpers.tiny_network import conv, network_of
from helpers.tiny_rendering import CHANNELS, tiny_network, write_model
from helpers.trace_cache import trace_once

from blockscope.feature_visualization import activation_grid as grids
from blockscope.feature_visualization.activation_grid import (
    activation_grid,
    group_weights,
)
from blockscope.feature_visualization.coherent_grid import CoherentGrid
from blockscope.feature_visualization.objectives import direction
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadConfig, BadFile, UnknownName
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.stages.feature_visualization.render_grid import write_cells

SHORT = replace(rendering.SHORT, steps=9)
ROWS, COLS = 3, 5
METHODS = pytest.mark.parametrize("method", ["plain", "coherent"])


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(scope="module")
def seen():
    generator = np.random.default_rng(8)
    return generator.exponential(size=(ROWS, COLS, CHANNELS)).astype(np.float32)


@pytest.fixture(scope="module")
def files(network, seen, tmp_path_factory) -> tuple[Path, Path, Path]:
    """Write a network, its card and activations; return their paths."""
    folder = tmp_path_factory.mktemp("model")
    activations = folder / "mixed.zarr.zip"
    values = {"activations": (("row", "col", "channel"), seen)}
    facts = provenance.record("activations", model="tiny", image="noise", layer="mixed")
    datasets.write_zarr(activations, xr.Dataset(values, attrs=facts))
    return *write_model(folder, network, ROWS, COLS), activations


@pytest.fixture
def cells(files, tmp_path, monkeypatch):
    """Return a function that makes a grid, in batches of 3, and reads what it wrote."""
    for name in ("PIXELS", "MOST", "LARGEST"):
        monkeypatch.setattr(f"blockscope.feature_visualization.coherent_grid.{name}", 3)
    monkeypatch.setattr(grids, "SAVE_EVERY", 0.0)
    trace_once(monkeypatch)

    def make(method, name="one", recipe=SHORT, progress="progress", **options) -> xr.Dataset:
        path = tmp_path / f"{name}.zarr.zip"
        given = dict(zip(("graph", "card", "activations"), files, strict=True))
        write_cells(
            **given,
            layer="mixed",
            method=method,
            recipe=recipe.to_dict(),
            neuron_groups=2,
            cells_per_step=7,
            cosine_power=1.5,
            progress=tmp_path / progress,
            code="code",
            zarr=path,
            memory_mb=64,
            **options,
        )
        return datasets.read(path)

    return make


@METHODS
@pytest.mark.slow
def test_a_grid_killed_five_times_gives_the_same_pixels(cells, tmp_path, monkeypatch, method):
    """At random moments: before a pass, while what is done is written, after it."""
    undisturbed = cells(method, "undisturbed", progress="other")
    points = [(FolderCheckpoint, "write"), (Optimizer, "_optimized"), (CoherentGrid, "_gradients")]
    left, reached, ends = [0], [], []

    def falling(point):
        def fall(*given):
            reached.append(point.__name__)
            left[0] -= 1
            if left[0] == 0:
                ends.append(point.__name__)
                raise KeyboardInterrupt
            return point(*given)

        return fall

    for owner, name in points:
        monkeypatch.setattr(owner, name, falling(getattr(owner, name)))
    for lifetime in (1, 2, 3, 4, 5):
        left[0] = lifetime
        with pytest.raises(KeyboardInterrupt):
            cells(method)
        assert not (tmp_path / "one.zarr.zip").exists()
    assert set(ends) == {"write", "_optimized" if method == "plain" else "_gradients"}
    xr.testing.assert_identical(cells(method), undisturbed)
    repeated = 5  # what was under way at each end
    passes = len(reached) - reached.count("write")
    assert passes == (5 if method == "plain" else SHORT.steps) + repeated
    assert not (tmp_path / "progress").exists()


@pytest.mark.slow
@METHODS
def test_what_is_damaged_is_rendered_again(cells, tmp_path, monkeypatch, method):
    undisturbed = cells(method, "undisturbed", progress="other")
    monkeypatch.setattr(FolderCheckpoint, "clear", lambda _: None)
    cells(method)
    for path in files_in(tmp_path / "progress", "*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    xr.testing.assert_identical(cells(method), undisturbed)


@pytest.mark.slow
@METHODS
@pytest.mark.parametrize("change", [{"steps": 10}, {"seed": 4}, {"learning_rate": 0.2}])
def test_other_settings_resume_nothing_of_these(cells, tmp_path, monkeypatch, method, change):
    recipe = replace(SHORT, **change)
    undisturbed = cells(method, "undisturbed", recipe, progress="other")
    monkeypatch.setattr(FolderCheckpoint, "clear", lambda _: None)
    cells(method)
    assert len(list(tmp_path.glob("progress/*"))) == 1
    xr.testing.assert_identical(cells(method, recipe=recipe), undisturbed)
    assert len(list(tmp_path.glob("progress/*"))) == 2


def test_a_grid_that_is_written_removes_what_older_settings_left(cells, tmp_path):
    (tmp_path / "progress/old").mkdir(parents=True)
    (tmp_path / "progress/old/coherent.npz").touch()
    cells("coherent")
    assert not (tmp_path / "progress").exists()


def test_fast_grids_keep_nothing(cells, monkeypatch):
    monkeypatch.setattr(grids, "SAVE_EVERY", 20.0)
    monkeypatch.setattr(FolderCheckpoint, "write", lambda *_: pytest.fail("it took no 20 seconds"))
    cells("coherent")


def test_a_gpu_that_is_not_there(cells):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is one")
    with pytest.raises(BadConfig, match=r"compute\.gpu: true .* sees 0 GPUs"):
        cells("coherent", gpu=True)


def test_an_unknown_method_is_answered_with_the_valid_ones(network, seen):
    with pytest.raises(UnknownName, match="'naive'; valid: plain, coherent"):
        activation_grid(network, "mixed", seen, SHORT, "naive")


def test_a_layer_too_deep_for_a_cell_says_which_size_it_needs():
    def deep(x):
        x = tf.nn.max_pool2d(conv(x, 4), 2, 2, "VALID")
        return tf.nn.avg_pool2d(x, 7, 1, "VALID", name="deep")

    network = network_of(deep, (20, 20, 3), tf.float32)
    recipe = replace(SHORT, size=9)
    match = r"too deep for .* at least 14 x 14.* has 9 x 9 \(key grids.cell_size .* sees 11 x 11"
    for method in ("plain", "coherent"):
        with pytest.raises(BadFile, match=match):
            activation_grid(network, "deep", np.ones((2, 3, 4), np.float32), recipe, method)


def test_more_groups_than_a_layer_allows_are_refused(seen):
    with pytest.raises(
        BadFile, match=r"fit 12 neuron groups .* valid: 1 to 11 \(key grids.neuron_groups"
    ):
        group_weights(seen, 12)


def test_activations_that_are_not_finite_are_refused_with_their_place(network, seen):
    broken = seen.copy()
    broken[1, 3, 2], broken[2, 0, 5] = np.nan, np.inf
    match = r"'mixed' are not finite at 2 of 15 positions, the first is 1, 3 \(row, col\)"
    with pytest.raises(BadFile, match=match):
        activation_grid(network, "mixed", broken, SHORT)


@METHODS
def test_a_cell_that_diverges_is_named_and_the_others_go_on(cells, monkeypatch, capsys, method):
    """The vector of one cell is too large for single precision, and has no gradient."""
    undisturbed = cells(method, "undisturbed")
    monkeypatch.setattr(grids, "direction", too_long_in_cell_8)
    monkeypatch.setattr(grids, "CoherentGrid", coherent_too_long_in_cell_8)
    made = cells(method)
    assert np.argwhere(made.diverged_step.to_numpy() >= 0).tolist() == [[1, 3]]
    step = int(made.diverged_step[1, 3])
    words = f"cell 1, 3 (row, col) of layer 'mixed' diverged (NaN or infinity) at step {step} of 9"
    assert words in capsys.readouterr().err
    others = np.arange(15).reshape(ROWS, COLS) != 8
    found, expected = (each.cells.to_numpy()[others] / 255 for each in (made, undisturbed))
    # Cells of a coherent grid share with the one that diverged, and are chosen more often.
    assert np.abs(found - expected).mean() <= (0 if method == "plain" else 0.1)
    assert np.abs(found - 0.5).mean() > 0.05


def too_long_in_cell_8(layer, vectors, power=0.0):
    long = np.array(vectors)
    long[8] *= np.float32(1e37)
    return direction(layer, long, power)


def coherent_too_long_in_cell_8(network, layer, vectors, *rest):
    return CoherentGrid(network, layer, too_long_in_cell_8(layer, vectors).terms[0].vectors, *rest)


@METHODS
def test_a_grid_of_nothing_but_diverged_cells_is_refused(network, seen, tmp_path, method):
    """Vectors too large for single precision have no gradient."""
    checkpoint = FolderCheckpoint(tmp_path / "progress", "any")
    checkpoint.write("old", {"any": seen})
    match = r"all 15 cells of layer 'mixed' diverged .* at step 0 to \d; .* \(key grids.recipe"
    with pytest.raises(BadFile, match=match):
        activation_grid(
            network, "mixed", 1e37 * seen, SHORT, method, neuron_groups=2, checkpoint=checkpoint
        )
    assert not (tmp_path / "progress").exists()
