"""Which pixels belong to a position of a layer: the layer's grid, laid over the input.

The same equal cells that figures draw; a position's receptive field is wider.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def over_pixels(grid: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Give each pixel of an image of ``size`` (row, col) the value of the cell its centre is in.

    ``grid`` is (..., row, col). A grid that is finer than the image loses positions.
    """
    rows, cols = (
        np.floor((np.arange(pixels) + 0.5) * (cells / pixels)).astype(int)
        for pixels, cells in zip(size, grid.shape[-2:], strict=True)
    )
    return grid[..., rows[:, None], cols]
