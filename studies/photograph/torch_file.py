"""Reads the weights in a file of PyTorch's old format, without PyTorch.

The file is a row of pickles: a magic number, the version, facts on the machine, the tensors as
views of numbered storages, and the storages' keys; then each storage, its length before it. Only
what such a file needs is unpickled: a pickle may otherwise run anything.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile

MAGIC = 0x1950A86A20F9469CFC6C
TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class View:
    """A tensor that is not read yet: a storage, and which part of it."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Unpickles tensors as views, and no other object."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.types: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: View(storage, offset, shape, strides)
        if module == "torch" and name in TYPES:
            return name
        raise BadFile(f"the file holds '{module}.{name}', which is no part of weights")

    def persistent_load(self, pid: Any) -> str:
        _, kind, key, *_ = pid
        self.types[str(key)] = TYPES[str(kind)]
        return str(key)


def read_weights(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file by name; raises ``BadFile`` where it holds anything else."""
    with path.open("rb") as file:
        if _Unpickler(file).load() != MAGIC:
            raise BadFile(f"'{path}' is not a file of PyTorch's old format")
        for _ in ("version", "machine"):
            _Unpickler(file).load()
        reader = _Unpickler(file)
        views = reader.load()
        storages = {}
        for key in _Unpickler(file).load():
            length = int(np.frombuffer(file.read(8), "<i8")[0])
            data = file.read(length * reader.types[key].itemsize)
            whole = len(data) - len(data) % reader.types[key].itemsize
            storages[key] = np.frombuffer(data[:whole], reader.types[key])
    return {name: _array(name, storages[view.storage], view) for name, view in views.items()}


def _array(name: str, storage: npt.NDArray[Any], view: View) -> npt.NDArray[Any]:
    """Copy a view; one that leaves its storage, as in a file cut short, would read other memory."""
    steps = [(n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True)]
    inside = view.offset >= 0 and min(steps, default=0) >= 0
    if not inside or view.offset + sum(steps) >= len(storage):
        raise BadFile(f"'{name}' is not whole: its storage has {counted(len(storage), 'number')}")
    strides = tuple(stride * storage.itemsize for stride in view.strides)
    return np.lib.stride_tricks.as_strided(
        storage[view.offset :], view.shape, strides, writeable=False
    ).copy()
