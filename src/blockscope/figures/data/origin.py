"""Whether a result file is of what a run asks."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from blockscope.figures.data.request import Asked
from blockscope.io.errors import BadFile


def check_origin(
    asked: Asked, dataset: xr.Dataset, path: object, wanted: Mapping[str, str]
) -> None:
    """Raise ``BadFile`` where a result file is of another model, image or gradient than asked."""
    for key, value in wanted.items():
        found = dataset.attrs.get(key)
        if found != value:
            raise BadFile(
                f"run '{asked.run}': '{path}' is of {key} '{found}', but {key} '{value}' is asked; "
                "make it again"
            )
