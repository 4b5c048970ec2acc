"""Activation grids: what a layer sees at each position of an image, one cell for each."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from blockscope.attribution.neuron_groups import group_neurons
from blockscope.feature_visualization.checkpoint import Arrays, Checkpoint
from blockscope.feature_visualization.coherent_grid import (
    CoherentGrid,
    cell_name,
    cells_at_once,
    even_batch,
)
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Objective, direction
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, Recipe
from blockscope.io.counts import all_of, counted
from blockscope.io.errors import BadFile, unknown_name
from blockscope.models.network import Network

METHODS = ("plain", "coherent")
SAVE_EVERY = 20.0  # seconds between two checkpoints of a coherent grid


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of the positions of a layer.

    Attributes
    ----------
    cells
        float32 (row, col, y, x, rgb), 0 to 1, uncropped.
    objective
        Held-out objective: mean over unseen transforms and over the positions of the layer of its
        dot product with the cell's activation vector, (row, col).
    magnitude
        Length of that vector, (row, col).
    diverged_step
        Step at which a cell's numbers became NaN or infinite, -1 for none, (row, col).
    """

    cells: npt.NDArray[np.float32]
    objective: npt.NDArray[np.float32]
    magnitude: npt.NDArray[np.float32]
    diverged_step: npt.NDArray[np.int64]


def activation_grid(
    network: Network,
    layer: str,
    activations: npt.NDArray[np.float32],
    recipe: Recipe,
    method: str = "coherent",
    *,
    neuron_groups: int = 6,
    cells_per_step: int = 64,
    cosine_power: float = 0.0,
    memory_mb: int = 2048,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
) -> Grid:
    """Render one cell for each position of a layer's activations (row, col, channel).

    ``plain``: every cell separately, ``recipe.steps`` steps each. ``coherent``: cells that have
    neuron groups in common share part of their images; each of ``recipe.steps`` steps changes
    ``cells_per_step`` cells and the groups; see ``CoherentGrid``. The objective is the dot product
    with the cell's activation vector times the cosine between them to ``cosine_power``: larger
    values suppress what all cells share, 0 is the notebook's. ``memory_mb`` changes no cell beyond
    rounding. ``checkpoint`` gives what an earlier call did of the same grid, and keeps what this
    one does: each batch of a plain grid, a coherent one every ``SAVE_EVERY`` seconds.

    Raises ``UnknownName`` for another method, ``BadFile`` where the layer is too deep for the
    recipe's size, activations are not finite or do not allow so many groups, and where every cell
    diverged. Source: Olah et al. 2018, notebook on activation grids.
    """
    if method not in METHODS:
        raise unknown_name("method of an activation grid", method, METHODS)
    rows, cols, channels = activations.shape
    vectors = activations.reshape(-1, channels)
    _check_finite(layer, activations)
    _check_size(network, layer, vectors, recipe)
    if method == "plain":
        objective = direction(layer, vectors, cosine_power)
        images, diverged = _plain(network, objective, recipe, memory_mb, checkpoint, progress)
    else:
        weights = group_weights(activations, neuron_groups)
        grid = CoherentGrid(
            network, layer, vectors, weights, cells_per_step, recipe, memory_mb, cosine_power
        )
        _run_coherent(grid, layer, recipe, checkpoint, progress)
        images, diverged = grid.images(), grid.diverged_step
    _check_not_all_diverged(layer, diverged, checkpoint)
    names = [cell_name(n) for n in range(len(vectors))]
    most = cells_at_once(recipe.size + LUCID_TRANSFORMS.margin)
    evaluator = Evaluator(
        network, direction(layer, vectors), names, recipe.size, memory_mb=memory_mb, largest=most
    )
    return Grid(
        images.reshape(rows, cols, *images.shape[1:]),
        evaluator.evaluate(images, range(len(vectors))).reshape(rows, cols),
        np.linalg.norm(activations, axis=2),
        diverged.reshape(rows, cols),
    )


def _check_finite(layer: str, activations: npt.NDArray[np.float32]) -> None:
    finite = np.isfinite(activations).all(axis=2)
    if not finite.all():
        row, col = np.argwhere(~finite)[0]
        raise BadFile(
            f"activations of layer '{layer}' are not finite at {np.count_nonzero(~finite)} of "
            f"{counted(finite.size, 'position')}, the first is {row}, {col} (row, col); check the "
            "model's weights and input range (models catalogue)"
        )


def _check_not_all_diverged(
    layer: str, diverged_step: npt.NDArray[np.int64], checkpoint: Checkpoint | None
) -> None:
    if (diverged_step >= 0).all():
        if checkpoint:
            checkpoint.clear()  # there is nothing to resume from
        raise BadFile(
            f"{all_of(len(diverged_step), 'cell')} of layer '{layer}' diverged (NaN or infinity) "
            f"at step {diverged_step.min()} to {diverged_step.max()}; check the model's weights "
            "and input range (models catalogue), or choose another recipe (key grids.recipe of "
            "the config)"
        )


def _check_size(
    network: Network, layer: str, vectors: npt.NDArray[np.float32], recipe: Recipe
) -> None:
    margin = recipe.transforms.margin
    try:
        View(network, direction(layer, vectors), recipe.size + margin)
    except BadFile as error:
        raise BadFile(
            f"{error}; a cell has {recipe.size} x {recipe.size} (key grids.cell_size of the "
            f"config), and the network sees {recipe.size + margin} x {recipe.size + margin}"
        ) from error


def _run_coherent(
    grid: CoherentGrid, layer: str, recipe: Recipe, checkpoint: Checkpoint | None, progress: bool
) -> None:
    """Take the steps of a coherent grid that are left, and keep its state now and then."""
    before = checkpoint.read("coherent") if checkpoint else None
    if before is not None:
        grid.state = before
    total, taken, saved = recipe.steps, grid.step, time.monotonic()
    with tqdm(total=total, initial=taken, desc=layer, unit="step", disable=not progress) as bar:
        for score in grid.run():
            bar.set_postfix_str(f"objective {score:.4g}", refresh=False)
            bar.update()
            if checkpoint and time.monotonic() - saved >= SAVE_EVERY:
                checkpoint.write("coherent", grid.state)
                saved = time.monotonic()


def _plain(
    network: Network,
    objective: Objective,
    recipe: Recipe,
    memory_mb: int,
    checkpoint: Checkpoint | None,
    progress: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return images and ``diverged_step`` of every cell; batches that were kept as they were."""
    count, (layer,) = len(objective), objective.layers
    names = [cell_name(n) for n in range(count)]
    most = cells_at_once(recipe.size + recipe.transforms.margin)
    optimizer = Optimizer(network, objective, names, recipe, memory_mb, most)
    optimizer.batch = even_batch(count, optimizer.batch)
    found: list[Arrays] = []
    with tqdm(total=count, desc=layer, unit="cell", disable=not progress) as bar:
        for start in range(0, count, optimizer.batch):
            cells = range(start, min(start + optimizer.batch, count))
            name = f"plain-{cells[0]}-{cells[-1]}"
            done = checkpoint.read(name) if checkpoint else None
            if done is None:
                (batch,) = optimizer.run(cells)
                done = {"images": batch.images, "diverged_step": batch.diverged_step}
                bar.set_postfix_str(f"objective {np.mean(batch.objective):.4g}", refresh=False)
                if checkpoint:
                    checkpoint.write(name, done)
            found.append(done)
            bar.update(len(cells))
    images, diverged = ([done[key] for done in found] for key in ("images", "diverged_step"))
    return np.concatenate(images), np.concatenate(diverged)


def group_weights(
    activations: npt.NDArray[np.float32], neuron_groups: int
) -> npt.NDArray[np.float64]:
    """Return how much of each neuron group is at each position, (cell, group), at most 1.

    Every group's largest is 1, except that of a group that is zero. Raises ``BadFile`` where the
    layer does not allow so many groups.
    """
    rows, cols, channels = activations.shape
    most = min(rows * cols, channels)
    if neuron_groups > most:
        raise BadFile(
            f"cannot fit {neuron_groups} neuron groups for a coherent grid: {rows} x {cols} "
            f"positions, {counted(channels, 'channel')}; valid: 1 to {most} (key "
            "grids.neuron_groups of the config)"
        )
    groups = group_neurons(activations, neuron_groups).spatial
    spatial = groups.reshape(rows * cols, neuron_groups)
    largest = spatial.max(axis=0)
    return spatial / np.where(largest > 0, largest, 1.0)
