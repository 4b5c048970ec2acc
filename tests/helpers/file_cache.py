"""Files of arrays whose bytes were read, or whose arrays were written, before: libraries are slow.

Reading a small file takes 30 to 80 ms, nearly all of it in h5netcdf; figures are drawn from dozens.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from blockscope.io import datasets
from blockscope.io.atomic_files import atomic_write

Write = Callable[[Path, xr.Dataset], None]

_read: dict[tuple[str, bytes], xr.Dataset] = {}
_written: dict[tuple[str, bytes], bytes] = {}


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Let equal files give copies of what was read once; what is refused is read again."""
    patch.setattr(datasets, "read", partial(_read_once, datasets.read))


def write_once(patch: pytest.MonkeyPatch) -> None:
    """Let equal datasets give the same bytes. Only for tests that are about no file's content."""
    for write in (datasets.write_h5, datasets.write_zarr):
        patch.setattr(datasets, write.__name__, partial(_write_once, write))


def _read_once(read: Callable[[Path], xr.Dataset], path: Path | str) -> xr.Dataset:
    source = Path(path)
    if not source.is_file():
        return read(source)
    key = source.suffix, hashlib.sha256(source.read_bytes()).digest()
    if key not in _read:
        _read[key] = read(source)
    return _read[key].copy(deep=True)


def _write_once(write: Write, path: Path | str, dataset: xr.Dataset) -> None:
    key = write.__name__, hashlib.sha256(pickle.dumps(_everything(dataset))).digest()
    if key not in _written:
        write(Path(path), dataset)
        _written[key] = Path(path).read_bytes()
    else:
        with atomic_write(path) as temporary:
            temporary.write_bytes(_written[key])


def _everything(dataset: xr.Dataset) -> tuple[Any, ...]:
    """Return all of a dataset that a file may depend on, in its order."""
    variables = [
        (name, name in dataset.coords, each.dims, each.to_numpy(), each.attrs, each.encoding)
        for name, each in dataset.variables.items()
    ]
    return variables, dataset.attrs, dataset.encoding, tuple(dataset.indexes)
