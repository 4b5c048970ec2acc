"""The stage "grid_image": the cells of an activation grid as one image."""

from __future__ import annotations

from blockscope.feature_visualization.mosaics import grid_sheet
from blockscope.feature_visualization.pixels import as_bytes
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.images import write_png
from blockscope.io.rebuilding import told

# Facts of the cells that the image records too, with those of the recipe.
RENDERED = (
    "method", "size", "steps", "neuron_groups", "cells_per_step", "cosine_power", "crop", "seed",
)  # fmt: skip


def write_grid(
    *,
    zarr: FilePath,
    scale_by_magnitude: bool,
    png: FilePath,
) -> None:
    """Draw the cells of a file as PNG, cropped as the file says.

    ``scale_by_magnitude``: see ``grid_sheet``. Raises ``BadFile`` where the file is damaged.
    """
    grid, origin = datasets.read(zarr), provenance.read(zarr)
    cells = as_bytes(grid["cells"].transpose("row", "col", "y", "x", "rgb").to_numpy())
    sizes = grid["magnitude"].transpose("row", "col").to_numpy() if scale_by_magnitude else None
    rendered = {k: v for k, v in origin.items() if k in RENDERED or k.startswith("recipe")}
    scaled = told(origin, grids={"scale_by_magnitude": scale_by_magnitude})
    inherited = provenance.inherited(origin) | scaled
    facts = provenance.record("grid_image", **inherited, **rendered)
    write_png(png, grid_sheet(cells, int(origin["crop"]), sizes), facts)
