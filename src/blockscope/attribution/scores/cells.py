"""Which pixels belong to a position of a layer: the layer's grid, laid over the input.

The same equal cells that figures draw; a position's receptive field is wider.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from blockscope.io.errors import BadFile


def over_pixels(grid: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Give each pixel of an image of ``size`` (row, col) the value of the cell its centre is in.

    ``grid`` is (..., row, col). Raises ``BadFile`` for one that is finer than the image: some cells
    would hold no pixel.
    """
    if any(cells > pixels for cells, pixels in zip(grid.shape[-2:], size, strict=True)):
        raise BadFile(
            f"a layer of {grid.shape[-2]} x {grid.shape[-1]} positions is finer than the network's "
            f"input of {size[0]} x {size[1]} pixels: some positions have no pixel, and no score; "
            "choose a layer with at most as many"
        )
    rows, cols = (
        (2 * np.arange(pixels) + 1) * cells // (2 * pixels)  # exact, also for centres on an edge
        for pixels, cells in zip(size, grid.shape[-2:], strict=True)
    )
    return grid[..., rows[:, None], cols]
