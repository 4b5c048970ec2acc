"""The stage "render_grid": the cells of one layer's activation grid for one image."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from blockscope.feature_visualization.activation_grid import Grid, activation_grid
from blockscope.feature_visualization.pixels import as_bytes
from blockscope.feature_visualization.recipes import Recipe, cell_crop
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.rebuilding import told
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.runtime.checkpoint import FolderCheckpoint
from blockscope.runtime.gpu import use_gpu


def write_cells(
    *,
    graph: FilePath,
    card: FilePath,
    activations: FilePath,
    layer: str,
    method: str,
    recipe: Mapping[str, Any],
    neuron_groups: int,
    cells_per_step: int,
    cosine_power: float,
    progress: FilePath,
    code: str,
    zarr: FilePath,
    memory_mb: int,
    gpu: bool = False,
) -> None:
    """Write the cells of a layer's activation grid (``activation_grid``) as zarr.

    ``recipe`` is what ``Recipe.to_dict`` returns. ``progress`` is a folder of this grid alone,
    which keeps what is done until the grid is written; a killed job resumes from there to the same
    pixels, under the same settings, network, activations and ``code``. A cell that diverged is
    named on stderr. Raises what ``activation_grid`` raises, and ``BadConfig`` where a ``gpu`` is
    requested and there is none.
    """
    use_gpu(gpu)
    model, chosen = ModelCard.read(card), Recipe.from_dict(recipe)
    model.layer(layer)
    found = datasets.read(activations)["activations"]
    values = found.transpose("row", "col", "channel").to_numpy()
    coherent = method == "coherent"
    options = {"neuron_groups": neuron_groups, "cells_per_step": cells_per_step} if coherent else {}
    seen = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    checkpoint = FolderCheckpoint(
        Path(progress),
        [model.graph_sha256, layer, seen, method, chosen.to_dict(), cosine_power, options, code],
    )
    grid = activation_grid(
        Network.load(graph, model),
        layer,
        values,
        chosen,
        method,
        **options,
        cosine_power=cosine_power,
        memory_mb=memory_mb,
        checkpoint=checkpoint,
        progress=True,
    )
    for row, col in np.argwhere(grid.diverged_step >= 0):
        sys.stderr.write(
            f"cell {row}, {col} (row, col) of layer '{layer}' diverged (NaN or infinity) at step "
            f"{grid.diverged_step[row, col]} of {chosen.steps}\n"
        )
    origin = provenance.read(activations)
    told_of_grids = {
        "recipe": chosen.name,
        "cell_size": chosen.size,
        "steps": chosen.steps,
        "seed": chosen.seed,
        "cosine_power": cosine_power,
        **options,
    }
    settings = told(origin, grids=told_of_grids)
    facts = provenance.record(
        "render_grid",
        software_facts(),
        **provenance.inherited(origin) | settings,
        method=method,
        **options,
        cosine_power=cosine_power,
        crop=cell_crop(chosen),
        **chosen.facts(),
    )
    datasets.write_zarr(zarr, named_grid(grid).assign_attrs(facts))
    checkpoint.clear()


def named_grid(grid: Grid) -> xr.Dataset:
    """Name the axes of a grid: ``cells`` (row, col, y, x, rgb) uint8, the rest (row, col)."""
    heldout = {"long_name": "layer times activation vector, mean over unseen transforms"}
    shown = {"long_name": "red, green and blue of a cell's pixels, 0 to 255"}
    diverged = {"long_name": "step at which the cell diverged; -1 for none"}
    length = {"long_name": "length of the activation vector", "units": "1"}
    return xr.Dataset(
        {
            "cells": (("row", "col", "y", "x", "rgb"), as_bytes(grid.cells), shown),
            "objective": (
                ("row", "col"), datasets.as_float32(grid.objective), {**heldout, "units": "1"}
            ),
            "magnitude": (("row", "col"), datasets.as_float32(grid.magnitude), length),
            "diverged_step": (("row", "col"), grid.diverged_step.astype(np.int32), diverged),
        },
        coords={"rgb": list("rgb")},
    )  # fmt: skip
