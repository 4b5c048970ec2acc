"""Loading any result file in Python."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from blockscope.io import datasets
from blockscope.io.atomic_files import require_file
from blockscope.io.errors import BadFile
from blockscope.io.images import read_input
from blockscope.models.card import ModelCard

ENDINGS = (*datasets.ENDINGS, ".png", ".json")


def load(path: str | os.PathLike[str]) -> xr.Dataset | ModelCard:
    """Load any result file; does not import TensorFlow.

    Parameters
    ----------
    path
        A file that ends in ``.h5``, ``.zarr.zip``, ``.png``, or a ``model.json``.

    Returns
    -------
    content
        A dataset of named arrays in memory, with its provenance in ``attrs``. For a PNG it holds
        ``image``, uint8 (row, col, rgb); a ``model.json`` gives the model's card.

    Raises
    ------
    BadFile
        The file is missing, damaged, of another kind, or not made by blockscope.
    """
    source = Path(path)
    if not source.name.endswith(ENDINGS):
        raise BadFile(f"'{source}' cannot be loaded; valid endings: {', '.join(ENDINGS)}")
    require_file(source, "result file")
    if source.name.endswith(datasets.ENDINGS):
        return datasets.read(source)
    if source.suffix == ".json":
        return ModelCard.read(source)
    pixels, facts = read_input(source)
    return xr.Dataset({"image": (("row", "col", "rgb"), pixels)}, attrs=facts)
