"""Activation grids: coherent cells share what is alike, and cost what is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_rendering import CHANNELS, SHORT, tiny_network

from blockscope.feature_visualization.activation_grid import (
    activation_grid,
    group_weights,
)
from blockscope.feature_visualization.coherent_grid import Adam, CoherentGrid
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.objectives import direction
from blockscope.feature_visualization.parameterization import COLOURS, spectrum_scale
from blockscope.feature_visualization.recipes import Recipe
from blockscope.stages.feature_visualization.render_grid import named_grid

ROWS, COLS = 3, 5


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(scope="module")
def seen():
    """Activations in two patterns, left and right, with some noise."""
    generator = np.random.default_rng(8)
    patterns = generator.exponential(size=(2, CHANNELS))
    share = np.linspace(0, 1, COLS)[None, :, None] * np.ones((ROWS, 1, 1))
    mixed = (1 - share) * patterns[0] + share * patterns[1]
    return (mixed + 0.05 * generator.exponential(size=mixed.shape)).astype(np.float32)


def coherent(network, seen, recipe=SHORT, cells_per_step=4, groups=2, memory_mb=64):
    """Return a coherent grid that is not begun."""
    vectors = seen.reshape(-1, CHANNELS)
    weights = group_weights(seen, groups)
    return CoherentGrid(network, "mixed", vectors, weights, cells_per_step, recipe, memory_mb)


def unlikeness(cells):
    """Return the mean absolute difference of neighbouring cells."""
    pairs = [np.abs(np.diff(cells, axis=axis)).ravel() for axis in (0, 1)]
    return np.concatenate(pairs).mean()


@pytest.mark.slow
def test_coherent_neighbours_are_more_alike_at_about_the_same_objective(network, seen):
    """At equal cost: 15 cells, of which 5 are chosen at each step."""
    recipe = replace(SHORT, steps=24)
    plain = activation_grid(network, "mixed", seen, recipe, "plain")
    shared = replace(recipe, steps=72)
    alike = activation_grid(
        network, "mixed", seen, shared, "coherent", neuron_groups=2, cells_per_step=5
    )
    assert plain.cells.shape == alike.cells.shape == (ROWS, COLS, 20, 20, 3)
    assert unlikeness(alike.cells) < 0.7 * unlikeness(plain.cells)
    grey = activation_grid(network, "mixed", seen, replace(recipe, steps=0), "plain")
    risen = [grid.objective.mean() - grey.objective.mean() for grid in (plain, alike)]
    assert risen[0] > 0
    assert risen[1] > 0.9 * risen[0]


@pytest.mark.parametrize("cells_per_step", [4, pytest.param(7, marks=pytest.mark.slow)])
def test_the_cost_is_that_of_the_chosen_cells(network, seen, cells_per_step):
    """However many cells there are, a step passes the chosen ones through the network."""
    for part in (seen, seen[:, :3]):
        grid = coherent(network, part, cells_per_step=cells_per_step)
        passed: list[int] = []
        gradient = grid._gradient
        grid._gradient = lambda *given, gradient=gradient, passed=passed: (
            passed.append(len(given[0])) or gradient(*given)
        )
        list(grid.run())
        batches = -(-cells_per_step // grid.batch)
        assert passed == [grid.batch] * batches * SHORT.steps


def test_every_cell_is_chosen_as_often_as_any_other_and_only_chosen_ones_move(network, seen):
    grid = coherent(network, seen, cells_per_step=4)
    start, count = grid._own.parameters.copy(), grid._own.count.copy()
    for _ in grid.run():
        moved = (grid._own.parameters != start).any(axis=(1, 2, 3, 4))
        np.testing.assert_array_equal(moved, grid._own.count > count)
        assert moved.sum() == 4
        assert np.ptp(grid._own.count) <= 1
        start, count = grid._own.parameters.copy(), grid._own.count.copy()


def test_the_same_seed_gives_the_same_grid_and_another_one_another(network, seen):
    def made(seed):
        recipe = replace(SHORT, seed=seed)
        return activation_grid(network, "mixed", seen, recipe, neuron_groups=2, cells_per_step=4)

    first, again, other = made(3), made(3), made(4)
    np.testing.assert_array_equal(first.cells, again.cells)
    np.testing.assert_array_equal(first.objective, again.objective)
    assert np.abs(first.cells - other.cells).mean() > 0.01


@pytest.mark.parametrize("method", ["plain", "coherent"])
def test_other_batches_give_the_same_grid(network, seen, monkeypatch, method):
    """To 1e-4: other kernels may add up in another order, and Adam divides."""
    expected = activation_grid(
        network, "mixed", seen, SHORT, method, neuron_groups=2, cells_per_step=7
    )
    assert coherent(network, seen, cells_per_step=7).batch == 7
    for name in ("PIXELS", "MOST"):
        monkeypatch.setattr(f"blockscope.feature_visualization.coherent_grid.{name}", 3)
    monkeypatch.setattr("blockscope.feature_visualization.coherent_grid.LARGEST", 3)
    assert coherent(network, seen, cells_per_step=7).batch == 3
    found = activation_grid(
        network, "mixed", seen, SHORT, method, neuron_groups=2, cells_per_step=7
    )
    np.testing.assert_allclose(found.cells, expected.cells, atol=1e-4)
    np.testing.assert_allclose(found.objective, expected.objective, rtol=1e-4)


def test_a_cell_is_its_own_and_its_groups_images_before_colour(network, seen):
    """Restated image by image: Fourier transform, mix, decorrelated colours, sigmoid."""
    grid = coherent(network, seen, groups=3)
    list(grid.run())

    def values(numbers):
        spectrum = (numbers[0] + 1j * numbers[1]) * spectrum_scale(20, 20, SHORT.decay_power)
        return np.moveaxis(np.fft.irfft2(spectrum, (20, 20)) / 4, 0, -1)

    weights = group_weights(seen, 3)
    matrix = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    for cell in (0, 7, 14):
        shared = sum(weights[cell, j] * values(grid._shared.parameters[j]) for j in range(3))
        mixed = 0.7 * values(grid._own.parameters[cell]) + 0.5 * shared
        expected = 1 / (1 + np.exp(-(mixed @ matrix.T)))
        np.testing.assert_allclose(grid.images()[cell], expected, atol=2e-6)


def test_adam_moves_rows_as_if_each_were_alone(rng):
    """Against the formula for one row, in double precision."""
    recipe = Recipe(learning_rate=0.05, beta1=0.7, beta2=0.9, weight_decay=0.01)
    start = rng.normal(size=(4, 2, 3)).astype(np.float32)
    adam = Adam(start.copy(), recipe)
    given = rng.normal(size=(3, 2, 2, 3)).astype(np.float32)
    factors = (1.0, 0.8, 0.3)
    for rows, gradient, factor in zip(([2, 0], [0, 3], [3, 0]), given, factors, strict=True):
        adam.step(np.array(rows), gradient, factor)
    x, first, second = start[0].astype(float), 0.0, 0.0
    of_row_0 = [given[0][1], given[1][0], given[2][1]]
    for n, (gradient, factor) in enumerate(zip(of_row_0, factors, strict=True), start=1):
        first, second = 0.7 * first + 0.3 * gradient, 0.9 * second + 0.1 * gradient**2
        step = (first / (1 - 0.7**n)) / np.sqrt(second / (1 - 0.9**n))
        x += factor * (0.05 * step - 0.01 * x)
    np.testing.assert_allclose(adam.parameters[0], x, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(adam.parameters[1], start[1])


def test_the_largest_weight_of_a_group_is_one(seen):
    weights = group_weights(seen, 3)
    assert weights.shape == (ROWS * COLS, 3)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.max(axis=0), 1)
    assert not group_weights(np.zeros_like(seen), 2).any()


def test_a_cell_that_diverges_is_left_and_the_others_go_on(network, seen):
    """A vector too large for single precision has no gradient."""
    broken = seen.copy()
    broken[1, 3] = 1e38
    vectors = broken.reshape(-1, CHANNELS)
    grid = CoherentGrid(network, "mixed", vectors, group_weights(seen, 2), 4, SHORT)
    list(grid.run())
    assert np.flatnonzero(grid.diverged_step >= 0).tolist() == [1 * COLS + 3]
    assert np.isfinite(grid.images()).all()
    assert grid._own.count[np.arange(15) != 8].min() >= 1


def test_magnitudes_are_lengths_of_the_vectors(network, seen):
    grid = activation_grid(
        network, "mixed", seen, replace(SHORT, steps=1), neuron_groups=2, cells_per_step=4
    )
    named = named_grid(grid)
    assert named.cells.dims == ("row", "col", "y", "x", "rgb")
    expected = np.sqrt((seen[2, 1].astype(float) ** 2).sum())
    assert float(named.magnitude[2, 1]) == pytest.approx(expected, rel=1e-6)
    assert (named.diverged_step == -1).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["plain", "coherent"])
def test_with_a_cosine_the_cells_raise_the_dot_product_times_its_power(network, seen, method):
    recipe = replace(SHORT, steps=24)
    powered = direction("mixed", seen.reshape(-1, CHANNELS), 4.0)
    evaluator = Evaluator(network, powered, range(ROWS * COLS), recipe.size)

    def risen(power):
        options = {"neuron_groups": 2, "cells_per_step": 5, "cosine_power": power}
        grid = activation_grid(network, "mixed", seen, recipe, method, **options)
        return evaluator.evaluate(grid.cells.reshape(-1, 20, 20, 3), range(ROWS * COLS)).mean()

    assert risen(4.0) > risen(0.0)
