"""Files of arrays that say what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blockscope.io import datasets
from blockscope.io.conventions import AXES, CONVENTIONS
from helpers.repository import files_in


def stages_described(results: Path, pattern: str = "*") -> set[str]:
    """Return the stages of all files of arrays; fails where anything in one is not described.

    That is: a long name of every array, the unit of numbers, and values of every axis.
    """
    stages, faults = set(), []
    for path in files_in(results, pattern):
        if not path.name.endswith(datasets.ENDINGS):
            continue
        found = datasets.read(path)
        stages.add(str(found.attrs["created_by"]))
        faults += [f"{path}: {words}" for words in _faults(found)]
    assert not faults, "\n".join(faults)
    assert stages
    return stages


def _faults(found):
    if found.attrs.get("Conventions") != CONVENTIONS:
        yield "conventions"
    if found.attrs["created_by"] != "sweep":  # its axes are no one else's
        yield from (f"axis {axis} is in no list" for axis in found.dims if axis not in AXES)
        yield from (f"axis {axis} has no values" for axis in found.dims if axis not in found)
    for name, array in found.variables.items():
        if len(str(array.attrs.get("long_name", ""))) < 3:
            yield f"{name} has no long name"
        if array.dtype.kind in "iufb" and not array.attrs.get("units"):
            yield f"{name} has no units"
        if array.dtype.kind in "OU" and "units" in array.attrs:
            yield f"{name} is text, with units"
        counted = array.dims == (name,) and name in ("row", "col", "row1", "col1", "row2", "col2")
        if counted and not np.array_equal(array.to_numpy(), np.arange(array.size)):
            yield f"{name} is not counted from 0"
