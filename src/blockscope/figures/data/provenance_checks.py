"""Whether a result file is what a run needs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.io import provenance
from blockscope.io.errors import BadFile


def check_origin(run: RunRow, dataset: xr.Dataset, path: object, wanted: Mapping[str, str]) -> None:
    """Raise ``BadFile`` where a result file is of another model, image, layer or gradient."""
    provenance.check_origin(dataset.attrs, path, wanted, f"run '{run.run}': ")


def check_labels(run: RunRow, dataset: xr.Dataset, path: object, classes: xr.Dataset) -> None:
    """Raise ``BadFile`` where a result file has not the labels of the attribution ``classes``."""
    if not np.array_equal(dataset["index"], classes["index"]):
        raise BadFile(f"run '{run.run}': '{path}' has other labels; regenerate it")
