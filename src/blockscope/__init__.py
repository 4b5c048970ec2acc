"""The Building Blocks of Interpretability as a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    import xarray as xr

    from blockscope.models.card import ModelCard

__version__ = "0.1.0"


def load(path: str | os.PathLike[str]) -> xr.Dataset | ModelCard:
    """Load a result file, whatever stage made it.

    ``.h5`` and ``.zarr.zip``: a dataset of named arrays, in memory, with where it comes from in
    ``.attrs``. ``.png``: a dataset whose ``picture`` is uint8 (row, col, rgb). ``model.json``: the
    model's card. Raises ``BadFile`` for a file that is missing, damaged, not made by blockscope, or
    of another kind. Does not load TensorFlow.
    """
    from blockscope.stages import (
        loading,  # here, because it is slow to import and not always needed
    )

    return loading.load(path)
