"""Loading any result file for work in Python."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from blockscope import stores
from blockscope.errors import BadFile
from blockscope.files import existing_file
from blockscope.images import read_input
from blockscope.models.card import Card

ENDINGS = (*stores.ENDINGS, ".png", ".json")


def load(path: str | os.PathLike[str]) -> xr.Dataset | Card:
    """Load a result file; what it returns and raises says ``blockscope.load``."""
    source = Path(path)
    if not source.name.endswith(ENDINGS):
        raise BadFile(f"'{source}' cannot be loaded; valid endings: {', '.join(ENDINGS)}")
    existing_file(source, "result file")
    if source.name.endswith(stores.ENDINGS):
        return stores.read(source)
    if source.suffix == ".json":
        return Card.read(source)
    pixels, facts = read_input(source)
    return xr.Dataset({"picture": (("row", "col", "rgb"), pixels)}, attrs=facts)
