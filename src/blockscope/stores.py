"""Arrays with named axes in files that any tool opens: HDF5 and zarr in one file.

HDF5 files follow netCDF 4 (dimension scales), zarr files are version 3 groups in one zip. Both hold one
``xarray.Dataset`` whose attributes say where it comes from. The same data give the same bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from blockscope.errors import BadFile
from blockscope.files import written_whole

ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: equal data give equal bytes


def write_h5(path: str | os.PathLike[str], dataset: xr.Dataset) -> None:
    """Write a dataset as HDF5 with dimension scales, whole or not at all.

    Float arrays of two axes or more are compressed, one chunk per entry of the first axis, so that one
    label is read without the others.
    """
    encoding = {
        str(name): {
            "zlib": True,
            "complevel": 4,
            "shuffle": True,
            "chunksizes": (1, *array.shape[1:]),
        }
        for name, array in dataset.data_vars.items()
        if array.ndim >= 2 and array.dtype.kind == "f" and array.size
    }
    with written_whole(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def write_zarr(path: str | os.PathLike[str], dataset: xr.Dataset) -> None:
    """Write a dataset as a zarr version 3 group in one zip file, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="blockscope-") as scratch, written_whole(path) as temporary:
        folder = Path(scratch) / "store"
        dataset.to_zarr(folder, zarr_format=3, consolidated=False, mode="w")
        _pack(folder, temporary)


def _pack(folder: Path, target: Path) -> None:
    """Zip a store in sorted order with a fixed date; its chunks are compressed already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(member.relative_to(folder).as_posix(), ZIP_DATE)
            entry.external_attr = 0o644 << 16
            with open(member, "rb") as content, archive.open(entry, "w") as packed:
                shutil.copyfileobj(content, packed)


def read(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a result file into memory; raises ``BadFile`` where it is missing or damaged."""
    source = Path(path)
    try:
        if source.suffix == ".h5":
            with xr.open_dataset(source, engine="h5netcdf") as dataset:
                return dataset.load()
        with (
            zarr.storage.ZipStore(source, mode="r") as store,
            xr.open_zarr(store, consolidated=False) as dataset,
        ):
            return dataset.load()
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadFile(f"result file '{source}' cannot be read: {error}") from error


def as_float32(array: object) -> np.ndarray:
    """Return an array as float32, the type of every stored measurement."""
    return np.ascontiguousarray(array, dtype=np.float32)
