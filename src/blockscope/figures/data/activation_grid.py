"""What the panel "activation grids" shows, read from the result files of one run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.feature_visualization.mosaics import grid_sheet
from blockscope.figures.data.origin import check_origin
from blockscope.figures.data.request import Asked
from blockscope.io import datasets, images
from blockscope.io.errors import BadFile

Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class LayerGrid:
    """The activation grid of one layer.

    cells      float32 (row, col, y, x, rgb), 0 to 1
    crop       pixels that a picture leaves out on every side of a cell
    magnitude  float (row, col), the length of the activation vector
    objective  float (row, col), what an unseen judge makes of each cell
    stopped    int (row, col), the step at which a cell's numbers were no longer finite, or -1
    """

    layer: str
    method: str
    cells: Floats
    crop: int
    magnitude: Floats
    objective: Floats
    stopped: NDArray[np.integer]

    @property
    def tiles(self) -> Pixels:
        """Return the cells without what is left out, uint8 (cell, y, x, rgb), row by row."""
        kept = self.cells[:, :, self.crop : -self.crop or None, self.crop : -self.crop or None]
        return np.rint(255 * kept.reshape(-1, *kept.shape[2:])).astype(np.uint8)

    def picture(self, sized: bool) -> Pixels:
        """Return the grid as one picture, uint8 (row, col, rgb), on white where it is sized.

        sized   show of each cell a middle whose sides are in proportion to its magnitude
        """
        if not sized:
            return grid_sheet(self.cells, self.crop)
        drawn = grid_sheet(self.cells, self.crop, self.magnitude)
        return np.where(drawn[..., 3:] > 0, drawn[..., :3], np.uint8(255))


@dataclass(frozen=True)
class GridPanel:
    """The grids of a run; ``picture`` uint8 (row, col, rgb) is the input."""

    asked: Asked
    picture: Pixels
    grids: tuple[LayerGrid, ...]

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> GridPanel:
        """Read the files of a run; raises what `read_grid` raises."""
        picture, _ = images.read_input(files["picture"])
        found = zip(asked.grid_layers, files["grids"], strict=True)
        return cls(asked, picture, tuple(read_grid(asked, layer, path) for layer, path in found))


def read_grid(asked: Asked, layer: str, path: str | os.PathLike[str]) -> LayerGrid:
    """Read the activation grid of a layer.

    Raises ``BadFile`` where the file is not of the model, image and layer that are asked, or does
    not say how it is cropped.
    """
    found = datasets.read(path)
    wanted = {"model": asked.model, "image": asked.image, "layer": layer}
    check_origin(asked, found, path, wanted)
    crop = found.attrs.get("crop")
    if crop is None:
        raise BadFile(f"run '{asked.run}': '{path}' does not say its crop; make it again")
    over = {
        name: found[name].transpose("row", "col").to_numpy()
        for name in ("magnitude", "objective", "diverged_step")
    }
    return LayerGrid(
        layer=layer,
        method=str(found.attrs["method"]),
        cells=found["cells"].transpose("row", "col", "y", "x", "rgb").to_numpy(),
        crop=int(crop),
        magnitude=over["magnitude"],
        objective=over["objective"],
        stopped=over["diverged_step"],
    )
