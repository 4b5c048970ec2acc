"""Activation grids for a page: the cells of each layer on a sheet."""

from __future__ import annotations

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures.data.activation_grids import GridsPanel
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray


def pack_grids(page: PageData, _: Panel) -> dict[str, object]:
    """Return the activation grids of a run."""
    grids = GridsPanel.of_run(page.run, page.files).grids
    return {
        "grids": [
            {
                "layer": grid.layer,
                "method": grid.method,
                "rows": grid.magnitude.shape[0],
                "cols": grid.magnitude.shape[1],
                "sheet": page.sheet(
                    grid.tiles, page.sheet_room // len(grids), grid.magnitude.shape[1]
                ),
                "magnitude": PackedArray(grid.magnitude[None]),
                "diverged": np.flatnonzero(grid.diverged_step >= 0).tolist(),
            }
            for grid in grids
        ],
        "scale_by_magnitude": page.style.scale_by_magnitude,
    }
