"""The stage "grid": what a layer sees at each position of a picture, as a grid of pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from blockscope import provenance, stores
from blockscope.ascent.climb import Ascent
from blockscope.ascent.grids_coherent import Coherent, cell_name
from blockscope.ascent.grids_sheet import grid_sheet
from blockscope.ascent.judge import Judge
from blockscope.ascent.objectives import direction
from blockscope.ascent.recipes import Recipe
from blockscope.ascent.view import View
from blockscope.errors import BadFile, unknown_name
from blockscope.images import write_png
from blockscope.models.card import Card
from blockscope.models.network import Network
from blockscope.neuron_groups import group_neurons

METHODS = ("plain", "coherent")
CROP = 2  # pixels left out on each side of a cell, as in the notebook


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
    memory_mb: int = 2048,
    progress: bool = False,
) -> Grid:
    """Render one picture for each position of a layer's activations (row, col, channel).

    ``plain``: each picture by itself, ``recipe.steps`` steps of every cell. ``coherent``: cells
    that have neuron groups in common share part of their pictures; each of ``recipe.steps`` steps
    changes ``drawn`` cells and the ``groups``; see ``Coherent``. ``memory_mb`` changes no picture
    beyond rounding.

    Raises ``UnknownName`` for another method, ``BadFile`` where the layer is too deep for the
    recipe's size, activations are not finite or do not allow as many groups.
    Source: Olah et al. 2018, notebook on activation grids.
    """
    if method not in METHODS:
        raise unknown_name("method of an activation grid", method, METHODS)
    rows, cols, channels = activations.shape
    vectors = activations.reshape(-1, channels)
    _check_size(network, layer, vectors, recipe)
    if method == "plain":
        pictures, stopped = _plain(network, layer, vectors, recipe, memory_mb, progress)
    else:
        weights = group_weights(activations, groups)
        grid = Coherent(network, layer, vectors, weights, drawn, recipe, memory_mb)
        with tqdm(total=recipe.steps, desc=layer, unit="step", disable=not progress) as bar:
            for score in grid.run():
                bar.set_postfix_str(f"objective {score:.4g}", refresh=False)
                bar.update()
        pictures, stopped = grid.pictures(), grid.stopped
    names = [cell_name(n) for n in range(len(vectors))]
    judge = Judge(network, direction(layer, vectors), names, recipe.size, memory_mb=memory_mb)
    return Grid(
        pictures.reshape(rows, cols, *pictures.shape[1:]),
        judge.scores(pictures, range(len(vectors))).reshape(rows, cols),
        np.linalg.norm(activations, axis=2),
        stopped.reshape(rows, cols),
    )


def _check_size(
    network: Network, layer: str, vectors: npt.NDArray[np.float32], recipe: Recipe
) -> None:
    margin = recipe.transforms.margin
    try:
        View(network, direction(layer, vectors), recipe.size + margin)
    except BadFile as error:
        raise BadFile(
            f"{error}; a cell has {recipe.size} pixels (key grids.cell of the settings), and the "
            f"network sees it with {margin} more"
        ) from error


def _plain(
    network: Network,
    layer: str,
    vectors: npt.NDArray[np.float32],
    recipe: Recipe,
    memory_mb: int,
    progress: bool,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    names = [cell_name(n) for n in range(len(vectors))]
    ascent = Ascent(network, direction(layer, vectors), names, recipe, memory_mb)
    batches = []
    with tqdm(total=len(vectors), desc=layer, unit="cell", disable=not progress) as bar:
        for batch in ascent.run(range(len(vectors))):
            batches.append(batch)
            bar.set_postfix_str(f"objective {np.mean(batch.objective):.4g}", refresh=False)
            bar.update(len(batch.images))
    pictures = np.concatenate([batch.pictures for batch in batches])
    return pictures, np.concatenate([batch.stopped for batch in batches])


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
            "cells": (("row", "col", "y", "x", "rgb"), stores.as_float32(grid.cells)),
            "objective": (("row", "col"), stores.as_float32(grid.objective), seen),
            "magnitude": (("row", "col"), stores.as_float32(grid.magnitude), length),
            "stopped": (("row", "col"), grid.stopped.astype(np.int32)),
        },
        coords={"rgb": list("rgb")},
    )


def write_grid(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer: str,
    method: str,
    recipe: Mapping[str, Any],
    groups: int,
    drawn: int,
    magnitude: bool,
    zarr_path: str | os.PathLike[str],
    png_path: str | os.PathLike[str],
    memory_mb: int,
) -> None:
    """Write a layer's activation grid as zarr, cells (row, col, y, x, rgb), and as a picture.

    ``recipe`` as ``Recipe.plain`` gives it; ``magnitude``: whether the picture shows the length of
    the vectors by the size of the cells. A cell whose numbers are no longer finite stays as it was
    and is told on stderr. Raises as ``activation_grid``.
    """
    card, chosen = Card.read(card_path), Recipe.from_plain(recipe)
    card.layer(layer)
    activations = stores.read(activations_path)["activations"]
    values = activations.transpose("row", "col", "channel").to_numpy()
    network = Network.load(graph_path, card)
    grid = activation_grid(
        network, layer, values, chosen, method, groups, drawn, memory_mb, progress=True
    )
    for row, col in np.argwhere(grid.stopped >= 0):
        sys.stderr.write(
            f"cell {row}, {col} (row, col) of layer '{layer}' stopped at step "
            f"{grid.stopped[row, col]} of {chosen.steps}: its numbers are no longer finite\n"
        )
    options = {"groups": groups, "drawn": drawn} if method == "coherent" else {}
    facts = provenance.record(
        "grid",
        **provenance.inherited(provenance.of(activations_path)),
        method=method,
        size=chosen.size,
        steps=chosen.steps,
        **options,
        crop=CROP,
        seed=chosen.seed,
    )
    stores.write_zarr(zarr_path, named_grid(grid).assign_attrs(facts))
    sizes = grid.magnitude if magnitude else None
    write_png(png_path, grid_sheet(grid.cells, CROP, sizes), facts)
