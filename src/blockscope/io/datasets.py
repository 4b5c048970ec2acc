"""Datasets of named arrays in files that other tools can open: HDF5, or zarr in one zip.

HDF5 files follow netCDF 4 (dimension scales), zarr files are version 3 groups. Both hold one
``xarray.Dataset`` with its provenance in the attributes, and end in a checksum, by which `read`
finds damage before a library meets it. The same data give the same bytes.

Text in HDF5 is characters in UTF-8, (..., character), as netCDF has always stored it: Octave and
older readers stop at text of variable length, and netCDF-C, thus ncdump and R, crashes at HDF5's
text of fixed length. Attributes, which netCDF-C writes of fixed length itself, are of that.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import h5netcdf  # type: ignore[import-untyped]
import h5py
import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import H5NetCDFStore

from blockscope.io.atomic_files import atomic_write
from blockscope.io.checksums import DIGITS, MARK, check_seal, seal
from blockscope.io.conventions import with_conventions
from blockscope.io.errors import BadFile
from blockscope.io.hdf5_links import check_open_file
from blockscope.io.memory import check_fits
from blockscope.io.netcdf import read_netcdf

ENDINGS = (".h5", ".zarr.zip")
# Bytes before compression. Of one map each, 1000 maps of 14 x 14 take more room than their bare
# numbers, and longer to read; larger ones delay the reading of a single map.
CHUNK = 2**16
LEVEL = 4  # of zlib; 9 makes files 0.2 to 0.5 % smaller and takes twice the time
INDEX = 2900  # bytes of the index of chunks; an array that does not save as many has none
PADDED = 2**28  # most bytes of text when all is as long as the longest, else of variable length
MOST_FACTS = 64  # attributes of a file that stay where jsfive looks for them, and take less room
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold: equal data give equal bytes


def write_h5(path: str | os.PathLike[str], dataset: xr.Dataset) -> None:
    """Write a dataset as HDF5 with dimension scales, atomically.

    Text, and float arrays of two or more axes, are compressed where that makes the file smaller, in
    chunks of whole entries of the first axis (see ``CHUNK``), so that one label can be read without
    most of the others. The compressed content is held in memory.
    """
    plain = with_conventions(dataset).drop_encoding()  # that of the file it was read from
    encoding = {str(name): _encoding(array) for name, array in plain.variables.items()}
    # In memory first: on a full disk HDF5 cannot close a file, and crashes the process at exit.
    content = io.BytesIO()
    with _h5_without_times(content) as h5, h5netcdf.File(h5, "w") as netcdf:
        plain.dump_to_store(_Store(netcdf), encoding=encoding)
    content.seek(0, io.SEEK_END)
    content.write(MARK)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content.getbuffer())
        seal(temporary)


def _encoding(array: xr.Variable) -> dict[str, object]:
    """Return how a variable is stored: whether compressed, and whether as characters."""
    if array.dtype.kind in "OU" and array.size:
        texts = [text.encode() for text in array.to_numpy().flat]
        longest = max(*map(len, texts), 1)
        if array.size * longest > PADDED:
            return {}
        shape = (*array.shape, longest)
        return {"dtype": "S1"} | _packing(shape, 1, lambda: np.array(texts, f"S{longest}"))
    if array.ndim >= 2 and array.dtype.kind == "f" and array.size:
        return _packing(array.shape, array.dtype.itemsize, array.to_numpy)
    return {}


def _packing(
    shape: tuple[int, ...], itemsize: int, content: Callable[[], npt.NDArray[Any]]
) -> dict[str, object]:
    """Return how an array is compressed: not at all, where the file would not get smaller."""
    size = math.prod(shape) * itemsize
    if size <= CHUNK:
        plain = np.frombuffer(content().tobytes(), np.uint8)
        shuffled = plain.reshape(-1, itemsize).T.tobytes()
        if len(zlib.compress(shuffled, LEVEL)) + INDEX >= size:
            return {}
    chunks = _chunks(shape, itemsize)
    return {"zlib": True, "complevel": LEVEL, "shuffle": True, "chunksizes": chunks}


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    first, *others = shape
    fitting = CHUNK // (math.prod(others) * itemsize)
    return (min(max(fitting, 1), first), *others)


class _Store(H5NetCDFStore):
    """Writes attributes as text of fixed length, and as integers that R and JavaScript have."""

    def encode_variable(self, variable: xr.Variable, name: Any = None) -> xr.Variable:
        found: xr.Variable = super().encode_variable(variable, name=name)  # type: ignore[no-untyped-call]
        found.attrs = {key: _fixed(value) for key, value in found.attrs.items()}
        return found

    def encode_attribute(self, a: object) -> object:
        return _fixed(a)


def _fixed(value: object) -> object:
    """Return an attribute as it is stored."""
    if isinstance(value, str):
        content = value.encode()
        size = max(len(content), 2)  # h5netcdf takes one byte for no text
        return np.array(content, dtype=h5py.string_dtype("utf-8", size))
    if isinstance(value, (int, np.integer)) and abs(int(value)) < 2**31:
        return np.int32(value)
    return value


def read_text(stored: h5py.Dataset) -> npt.NDArray[np.object_]:
    """Return the texts of an open HDF5 file as (...) of str, decoded a part at a time."""
    if stored.dtype.kind != "S":
        texts: npt.NDArray[np.object_] = stored.asstr()[...]
        return texts
    *shape, length = stored.shape
    found = np.empty(shape, object)
    step = max(CHUNK // length, 1)
    for start in range(0, shape[0], step):
        packed = np.ascontiguousarray(stored[start : start + step]).view(f"S{length}")[..., 0]
        found[start : start + step] = np.strings.decode(packed, "utf-8")
    return found


def _h5_without_times(content: io.BytesIO) -> h5py.File:
    """Create an HDF5 file whose root group has no times, for which h5py.File has no option."""
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_obj_track_times(False)
    order = h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED  # as netCDF 4 requires
    creation.set_link_creation_order(order)
    creation.set_attr_creation_order(order)
    creation.set_attr_phase_change(MOST_FACTS, MOST_FACTS)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_LATEST)
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, content)
    return h5py.File(h5py.h5f.create(b"memory", h5py.h5f.ACC_TRUNC, creation, access))


def write_zarr(path: str | os.PathLike[str], dataset: xr.Dataset) -> None:
    """Write a dataset as a zarr version 3 group in one zip file, atomically."""
    import zarr

    members: dict[str, zarr.core.buffer.Buffer] = {}
    # In memory: a folder would have one for each axis of each chunk, and those take time to remove.
    store = zarr.storage.MemoryStore(members)
    with atomic_write(path) as temporary, zarr.config.set({"json_indent": None}):
        plain = _with_plain_text(with_conventions(dataset))
        packed = {str(name): _zarr_encoding(array) for name, array in plain.variables.items()}
        plain.to_zarr(store, zarr_format=3, consolidated=False, mode="w", encoding=packed)
        _pack({PurePosixPath(name): part.to_bytes() for name, part in members.items()}, temporary)


def _zarr_encoding(array: xr.Variable) -> dict[str, object]:
    """Return how an array is stored; each chunk of pictures holds whole ones."""
    from zarr.codecs import ZstdCodec

    packed: dict[str, object] = {"compressors": [ZstdCodec(level=9)]}
    if array.dims[-1:] != ("rgb",) or array.ndim < 4 or not array.size:
        return packed
    picture, room = array.shape[-3:], CHUNK
    chunk: list[int] = []
    room //= math.prod(picture) * array.dtype.itemsize
    for length in reversed(array.shape[:-3]):
        chunk.insert(0, min(max(room, 1), length))
        room //= length
    return packed | {"chunks": (*chunk, *picture)}


def _with_plain_text(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset with text of variable length: zarr has no standard for a fixed one."""
    texts = {
        name: (array.dims, array.to_numpy().astype(object), array.attrs)
        for name, array in dataset.variables.items()
        if array.dtype.kind == "U"
    }
    return dataset.drop_encoding().assign(texts)


def _pack(members: Mapping[PurePosixPath, bytes], target: Path) -> None:
    """Zip a store in sorted order with a fixed date; its chunks are compressed, its JSON is not."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted(members):
            entry = zipfile.ZipInfo(str(member), ZIP_DATE)
            entry.external_attr = 0o644 << 16
            if member.suffix == ".json":
                entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[member])
        archive.comment = MARK + bytes(DIGITS)
    os.truncate(target, target.stat().st_size - DIGITS)
    seal(target)


def read(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a result file into memory; raises ``BadFile`` where it is missing or damaged."""
    source = Path(path)
    if not source.name.endswith(ENDINGS):
        raise BadFile(f"'{source}' contains no arrays; valid endings: {', '.join(ENDINGS)}")
    check_seal(source)
    try:
        return _read_h5(source) if source.suffix == ".h5" else _read_zarr(source)
    except BadFile:
        raise
    except Exception as error:  # libraries raise many kinds for a file of another content
        raise BadFile(f"result file '{source}' cannot be read: {error}") from error


def _read_h5(source: Path) -> xr.Dataset:
    # A result is whole or absent, so no reader waits for a writer; some disks have no locks.
    with h5py.File(source, "r", locking=False) as file:
        check_open_file(source, file)
        found = read_netcdf(file)
    if found is not None:
        return found
    options = {"locking": False}
    with xr.open_dataset(source, engine="h5netcdf", driver_kwds=options) as dataset:
        return dataset.load()


def _read_zarr(source: Path) -> xr.Dataset:
    import zarr  # a quarter of a second, which HDF5 files do not need

    with zarr.storage.ZipStore(source, mode="r") as store:
        arrays = zarr.open_group(store, mode="r").arrays()
        check_fits(source, sum(array.nbytes for _, array in arrays))
        dataset: xr.Dataset = xr.open_zarr(store, consolidated=False)
        return dataset.load()


def as_float32(array: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return an array as float32, the type of every stored measurement."""
    return np.ascontiguousarray(array, dtype=np.float32)
