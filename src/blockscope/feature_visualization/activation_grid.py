"""The stage "cells": what a layer sees at each position of a picture, one picture for each."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.neuron_groups import group_neurons
from blockscope.feature_visualization.cell_recipe import crop_of
from blockscope.feature_visualization.coherent_grid import (
    Coherent,
    cell_name,
    cells_at_once,
    even_batch,
)
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.grids_kept import Kept
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Objective, direction
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, Recipe
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile, unknown_name
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.runtime.gpu import use_gpu

METHODS = ("plain", "coherent")
SAVE_EVERY = 20.0  # seconds between two times that a coherent grid is kept


@dataclass(frozen=True, eq=False)
class Grid:
    """Pictures of the positions of a layer.

    ``cells``      float32 (row, col, y, x, rgb), 0 to 1, uncropped
    ``objective``  what the judge sees: mean over fresh transforms and over the positions of the
                   layer of its dot product with the cell's activation vector, (row, col)
    ``magnitude``  length of that vector, (row, col)
    ``stopped``    step at which a cell's numbers were no longer finite, -1 where they were
    """

    cells: npt.NDArray[np.float32]
    objective: npt.NDArray[np.float32]
    magnitude: npt.NDArray[np.float32]
    stopped: npt.NDArray[np.int64]


def activation_grid(
    network: Network,
    layer: str,
    activations: npt.NDArray[np.float32],
    recipe: Recipe,
    method: str = "coherent",
    groups: int = 6,
    drawn: int = 64,
    cosine: float = 0.0,
    memory_mb: int = 2048,
    kept: Kept | None = None,
    progress: bool = False,
) -> Grid:
    """Render one picture for each position of a layer's activations (row, col, channel).

    ``plain``: each picture by itself, ``recipe.steps`` steps of every cell. ``coherent``: cells
    that have neuron groups in common share part of their pictures; each of ``recipe.steps`` steps
    changes ``drawn`` cells and the ``groups``; see ``Coherent``. ``cosine``: what rises is the dot
    product with the cell's activation vector times the cosine between them to this power: the
    larger, the less does a picture show what every cell has in common. 0 is the notebook's.
    ``memory_mb`` changes no picture beyond rounding. ``kept`` gives what an earlier call did of the
    same grid, and takes what this one does: each batch of a plain grid, a coherent one every
    ``SAVE_EVERY`` seconds. It changes no picture.

    Raises ``UnknownName`` for another method, ``BadFile`` where the layer is too deep for the
    recipe's size, activations are not finite or do not allow as many groups, and where every cell
    stopped.
    Source: Olah et al. 2018, notebook on activation grids.
    """
    if method not in METHODS:
        raise unknown_name("method of an activation grid", method, METHODS)
    rows, cols, channels = activations.shape
    vectors = activations.reshape(-1, channels)
    _check_finite(layer, activations)
    _check_size(network, layer, vectors, recipe)
    if method == "plain":
        objective = direction(layer, vectors, cosine)
        pictures, stopped = _plain(network, objective, recipe, memory_mb, kept, progress)
    else:
        weights = group_weights(activations, groups)
        grid = Coherent(network, layer, vectors, weights, drawn, recipe, memory_mb, cosine)
        _run_kept(grid, layer, recipe, kept, progress)
        pictures, stopped = grid.pictures(), grid.stopped
    _check_going(layer, stopped, kept)
    names = [cell_name(n) for n in range(len(vectors))]
    most = cells_at_once(recipe.size + LUCID_TRANSFORMS.margin)
    judge = Evaluator(
        network, direction(layer, vectors), names, recipe.size, memory_mb=memory_mb, largest=most
    )
    return Grid(
        pictures.reshape(rows, cols, *pictures.shape[1:]),
        judge.scores(pictures, range(len(vectors))).reshape(rows, cols),
        np.linalg.norm(activations, axis=2),
        stopped.reshape(rows, cols),
    )


def _check_finite(layer: str, activations: npt.NDArray[np.float32]) -> None:
    finite = np.isfinite(activations).all(axis=2)
    if not finite.all():
        row, col = np.argwhere(~finite)[0]
        raise BadFile(
            f"activations of layer '{layer}' are not finite at {np.count_nonzero(~finite)} of "
            f"{finite.size} positions, the first is {row}, {col} (row, col); check the model's "
            "weights and input range (models catalogue)"
        )


def _check_going(layer: str, stopped: npt.NDArray[np.int64], kept: Kept | None) -> None:
    """Refuse a grid of nothing but cells that stopped; one of them is told by ``stopped``."""
    if (stopped >= 0).all():
        if kept:
            kept.clear()  # there is nothing to go on from
        raise BadFile(
            f"all {len(stopped)} cells of layer '{layer}' stopped, at step {stopped.min()} to "
            f"{stopped.max()}, because their numbers were no longer finite; check the model's "
            "weights and input range (models catalogue), or take another recipe (key grids.recipe "
            "of the settings)"
        )


def _check_size(
    network: Network, layer: str, vectors: npt.NDArray[np.float32], recipe: Recipe
) -> None:
    margin = recipe.transforms.margin
    try:
        View(network, direction(layer, vectors), recipe.size + margin)
    except BadFile as error:
        raise BadFile(
            f"{error}; a cell has {recipe.size} x {recipe.size} (key grids.cell of the settings), "
            f"and the network sees {recipe.size + margin} x {recipe.size + margin}"
        ) from error


def _run_kept(
    grid: Coherent, layer: str, recipe: Recipe, kept: Kept | None, progress: bool
) -> None:
    """Take the steps of a coherent grid that are left, and keep it now and then."""
    before = kept.read("coherent") if kept else None
    if before is not None:
        grid.state = before
    total, taken, saved = recipe.steps, grid.step, time.monotonic()
    with tqdm(total=total, initial=taken, desc=layer, unit="step", disable=not progress) as bar:
        for score in grid.run():
            bar.set_postfix_str(f"objective {score:.4g}", refresh=False)
            bar.update()
            if kept and time.monotonic() - saved >= SAVE_EVERY:
                kept.write("coherent", grid.state)
                saved = time.monotonic()


def _plain(
    network: Network,
    objective: Objective,
    recipe: Recipe,
    memory_mb: int,
    kept: Kept | None,
    progress: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return pictures and ``stopped`` of every cell, those that were kept as they were."""
    count, (layer,) = len(objective), objective.layers
    names = [cell_name(n) for n in range(count)]
    most = cells_at_once(recipe.size + recipe.transforms.margin)
    ascent = Optimizer(network, objective, names, recipe, memory_mb, most)
    ascent.batch = even_batch(count, ascent.batch)
    found = []
    with tqdm(total=count, desc=layer, unit="cell", disable=not progress) as bar:
        for start in range(0, count, ascent.batch):
            cells = range(start, min(start + ascent.batch, count))
            name = f"plain-{cells[0]}-{cells[-1]}"
            done = kept.read(name) if kept else None
            if done is None:
                (batch,) = ascent.run(cells)
                done = {"pictures": batch.pictures, "stopped": batch.stopped}
                bar.set_postfix_str(f"objective {np.mean(batch.objective):.4g}", refresh=False)
                if kept:
                    kept.write(name, done)
            found.append(done)
            bar.update(len(cells))
    pictures, stopped = ([done[key] for done in found] for key in ("pictures", "stopped"))
    return np.concatenate(pictures), np.concatenate(stopped)


def group_weights(activations: npt.NDArray[np.float32], groups: int) -> npt.NDArray[np.float64]:
    """Return how much of each neuron group is at each position, (cell, group), at most 1.

    Every group's largest is 1, except that of a group that is zero. Raises ``BadFile`` where the
    layer does not allow as many groups.
    """
    rows, cols, channels = activations.shape
    most = min(rows * cols, channels)
    if groups > most:
        raise BadFile(
            f"a coherent grid of {groups} groups asked of {rows} x {cols} positions and {channels} "
            f"channels; valid: 1 to {most} (key grids.groups of the settings)"
        )
    spatial = group_neurons(activations, groups).spatial.reshape(rows * cols, groups)
    largest = spatial.max(axis=0)
    return spatial / np.where(largest > 0, largest, 1.0)


def named_grid(grid: Grid) -> xr.Dataset:
    """Name the axes of a grid."""
    seen = {"long_name": "layer times activation vector, mean over fresh transforms", "units": "1"}
    length = {"long_name": "length of the activation vector", "units": "1"}
    return xr.Dataset(
        {
            "cells": (("row", "col", "y", "x", "rgb"), datasets.as_float32(grid.cells)),
            "objective": (("row", "col"), datasets.as_float32(grid.objective), seen),
            "magnitude": (("row", "col"), datasets.as_float32(grid.magnitude), length),
            "stopped": (("row", "col"), grid.stopped.astype(np.int32)),
        },
        coords={"rgb": list("rgb")},
    )


def write_cells(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer: str,
    method: str,
    recipe: Mapping[str, Any],
    groups: int,
    drawn: int,
    cosine: float,
    progress: str | os.PathLike[str],
    code: str,
    output: str | os.PathLike[str],
    memory_mb: int,
    gpu: bool = False,
) -> None:
    """Write the cells of a layer's activation grid as zarr, (row, col, y, x, rgb) and more.

    ``recipe`` as ``Recipe.plain`` gives it. ``progress``: a folder of this grid alone, which keeps
    what is done until the grid is written; a job that was killed goes on from there to the same
    pixels, under the same settings, network, activations and ``code``. A cell whose numbers are no
    longer finite stays as it was, is told on stderr, and has the step in ``stopped``, which is -1
    for the others. Raises as ``activation_grid``, and ``BadConfig`` where a ``gpu`` is asked for
    and none is seen.
    """
    use_gpu(gpu)
    card, chosen = ModelCard.read(card_path), Recipe.from_plain(recipe)
    card.layer(layer)
    activations = datasets.read(activations_path)["activations"]
    values = activations.transpose("row", "col", "channel").to_numpy()
    options = {"groups": groups, "drawn": drawn} if method == "coherent" else {}
    seen = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    kept = Kept(
        Path(progress),
        [card.graph_sha256, layer, seen, method, chosen.plain(), cosine, options, code],
    )
    network = Network.load(graph_path, card)
    grid = activation_grid(
        network,
        layer,
        values,
        chosen,
        method,
        groups,
        drawn,
        cosine,
        memory_mb,
        kept,
        progress=True,
    )
    for row, col in np.argwhere(grid.stopped >= 0):
        sys.stderr.write(
            f"cell {row}, {col} (row, col) of layer '{layer}' stopped at step "
            f"{grid.stopped[row, col]} of {chosen.steps}: its numbers are no longer finite\n"
        )
    facts = provenance.record(
        "cells",
        software_facts(),
        **provenance.inherited(provenance.read(activations_path)),
        method=method,
        size=chosen.size,
        steps=chosen.steps,
        **options,
        cosine=cosine,
        crop=crop_of(chosen),
        seed=chosen.seed,
    )
    datasets.write_zarr(output, named_grid(grid).assign_attrs(facts))
    kept.clear()
