"""HDF5 files that follow netCDF 4, read by h5py: each object is opened once.

xarray's own reader, through h5netcdf, looks an object up again for each of its properties, some 57
times per array, which takes most of the time of a file of small arrays.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import xarray as xr
from xarray.backends import InMemoryDataStore

NUMBER, NUMBERS = "_Netcdf4Dimid", "_Netcdf4Coordinates"  # of an axis; of the axes of an array
OWN = frozenset({"CLASS", "NAME", NUMBER, NUMBERS})
# What is said again by the numbers of axes, and what tells the program that wrote the file.
UNREAD = frozenset({"DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties", "_nc3_strict"})
NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
RENAMED = "_nc4_non_coord_"  # before the name of an array that is called as an axis of others


def read_netcdf(file: h5py.File) -> xr.Dataset | None:
    """Return what a file holds, as ``xarray.open_dataset`` does, in memory.

    Parameters
    ----------
    file
        Open; it is left open.

    Returns
    -------
    dataset
        Without ``encoding``. None where the file has what result files do not have, of any version:
        groups, axes without names or of any length, or types other than numbers and text.
    """
    items = dict(file.items())
    if not all(isinstance(item, h5py.Dataset) and _is_known(item) for item in items.values()):
        return None
    if any(name.startswith(RENAMED) for name in items):
        return None
    said = {name: _attributes(item) for name, item in items.items()}
    scales = {name: own for name, (own, _) in said.items() if {"CLASS", NUMBER} <= own.keys()}
    names = {int(own[NUMBER]): name for name, own in scales.items()}
    variables = {}
    for name, item in items.items():
        own, attributes = said[name]
        if own.get("NAME", "").startswith(NO_VARIABLE):
            continue
        if item.ndim and NUMBERS not in own:
            return None
        axes = [names[int(one)] for one in np.atleast_1d(own.get(NUMBERS, ()))]
        values = np.asarray(item.asstr()[()], str) if item.dtype.kind == "O" else item[()]
        variables[name] = xr.Variable(axes, values, attributes)
    _, facts = _attributes(file)
    store = InMemoryDataStore(variables, facts)  # type: ignore[no-untyped-call]
    with xr.open_dataset(store) as dataset:
        return dataset.load()


def _is_known(item: h5py.Dataset) -> bool:
    """Tell whether an array is of numbers or text, with axes of a fixed length."""
    kind = item.dtype.kind
    text = kind == "O" and h5py.check_string_dtype(item.dtype) is not None
    enumeration = h5py.check_enum_dtype(item.dtype) is not None
    if item.shape is None or not (text or (kind in "iufS" and not enumeration)):
        return False
    # An axis of no length is written as one of any length.
    return all(length in (most, 0) for length, most in zip(item.shape, item.maxshape, strict=True))


def _attributes(item: h5py.HLObject) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what netCDF keeps in attributes for itself, and those of the user.

    Text is str, and a single value is none of an array.
    """
    own: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name in item.attrs:
        if name not in UNREAD:
            value = item.attrs[name]
            if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
                value = [_text(one) for one in value.flat]
            if isinstance(value, (list, np.ndarray)) and len(value) == 1:
                value = value[0]
            (own if name in OWN else found)[name] = _text(value)
    return own, found


def _text(value: object) -> object:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
