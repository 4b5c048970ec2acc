"""The activation grids of a run, read from its result files."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blockscope.config.settings import RunRow
from blockscope.feature_visualization.mosaics import grid_sheet
from blockscope.feature_visualization.pixels import as_bytes
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.io import datasets, images
from blockscope.io.errors import BadFile


@dataclass(frozen=True)
class LayerGrid:
    """The activation grid of one layer.

    Attributes
    ----------
    layer
        The layer.
    method
        How its cells were rendered.
    cells
        (row, col, y, x, rgb).
    crop
        Pixels that an image leaves out on every side of a cell.
    magnitude
        (row, col), the length of the activation vector.
    diverged_step
        (row, col), the step at which a cell's numbers were no longer finite, or -1.
    """

    layer: str
    method: str
    cells: Pixels
    crop: int
    magnitude: Floats
    diverged_step: NDArray[np.integer]

    @property
    def tiles(self) -> Pixels:
        """Return the cells without what is left out, (cell, y, x, rgb), row by row."""
        kept = self.cells[:, :, self.crop : -self.crop or None, self.crop : -self.crop or None]
        return kept.reshape(-1, *kept.shape[2:])

    def mosaic(self, scaled: bool) -> Pixels:
        """Return the grid as one image, on white where it is scaled.

        ``scaled``: show of each cell a middle whose sides are in proportion to its magnitude.
        """
        if not scaled:
            return grid_sheet(self.cells, self.crop)
        drawn = grid_sheet(self.cells, self.crop, self.magnitude)
        return np.where(drawn[..., 3:] > 0, drawn[..., :3], np.uint8(255))


@dataclass(frozen=True)
class GridsPanel:
    """The grids of a run; ``pixels`` is the input."""

    run: RunRow
    pixels: Pixels
    grids: tuple[LayerGrid, ...]

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> GridsPanel:
        """Read the files of a run; raises what `read_grid` raises."""
        pixels, _ = images.read_png(files.one("image"))
        found = zip(run.grid_layers, files.many("grids"), strict=True)
        return cls(run, pixels, tuple(read_grid(run, layer, path) for layer, path in found))


def read_grid(run: RunRow, layer: str, path: str | os.PathLike[str]) -> LayerGrid:
    """Read the activation grid of a layer.

    Raises ``BadFile`` where the file is not of the run's model, image and layer, or has no crop.
    """
    found = datasets.read(path)
    check_origin(run, found, path, {"model": run.model, "image": run.image, "layer": layer})
    crop = found.attrs.get("crop")
    if crop is None:
        raise BadFile(f"run '{run.run}': '{path}' has no attribute crop; regenerate it")
    return LayerGrid(
        layer=layer,
        method=str(found.attrs["method"]),
        cells=as_bytes(found["cells"].transpose("row", "col", "y", "x", "rgb").to_numpy()),
        crop=int(crop),
        magnitude=found["magnitude"].transpose("row", "col").to_numpy(),
        diverged_step=found["diverged_step"].transpose("row", "col").to_numpy(),
    )
