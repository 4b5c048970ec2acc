"""Stores: opened by any tool, the same bytes for the same data, whole or absent."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

from blockscope.io import checksums, datasets, provenance
from blockscope.io.conventions import with_conventions
from blockscope.io.errors import BadFile
from blockscope.stages.result_files import describe, load

LABELS = ["crane", "crane", "", "猫" * 400, "naïve\tlabel\n", "a/b", "7"]
WRITERS = {".h5": datasets.write_h5, ".zarr.zip": datasets.write_zarr}


@pytest.fixture
def dataset(rng: np.random.Generator) -> xr.Dataset:
    values = rng.normal(size=(len(LABELS), 5, 3)).astype("f4")
    values[1, 2, 0], values[2, 0, 1], values[3, 4, 2] = np.nan, np.inf, -0.0
    attributes = {"long_name": "what it is", "units": "logit"}
    return xr.Dataset(
        {
            "attribution": (("label", "row", "col"), values, attributes),
            "empty": (("nothing", "col"), np.zeros((0, 3), "f4")),
            "scalar": ((), np.float32(0.1)),
            "top": (("row",), np.array(["é", "", "b", "b", "c"], dtype=object)),
        },
        coords={
            "label": ("label", np.array(LABELS, dtype=object)),
            "index": ("label", np.arange(1, 8, dtype="i4"), {"long_name": "position"}),
        },
        attrs={"created_by": "classes", "image": "ü", "n": 2, "relative_error": 0.25},
    )


def same(found: xr.Dataset, written: xr.Dataset) -> None:
    dataset = with_conventions(written)
    xr.testing.assert_identical(found, dataset)
    for name, array in dataset.variables.items():
        if array.dtype.kind != "O":
            assert found[name].dtype == array.dtype, name
            assert found[name].to_numpy().tobytes() == array.to_numpy().tobytes(), name
        assert found[name].dims == array.dims


@pytest.mark.parametrize("ending", WRITERS)
def test_what_is_written_is_read_back(tmp_path: Path, dataset: xr.Dataset, ending: str) -> None:
    path = tmp_path / f"new.folder/a{ending}"
    WRITERS[ending](path, dataset)
    same(datasets.read(path), dataset)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("ending", WRITERS)
def test_the_same_data_give_the_same_bytes(tmp_path: Path, dataset, ending: str) -> None:
    WRITERS[ending](tmp_path / f"a{ending}", dataset)
    time.sleep(1.1)  # both formats keep times in whole seconds
    WRITERS[ending](tmp_path / f"b{ending}", dataset.copy(deep=True))
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_xarray_alone_opens_hdf5(tmp_path: Path, dataset: xr.Dataset) -> None:
    datasets.write_h5(tmp_path / "a.h5", dataset)
    with xr.open_dataset(tmp_path / "a.h5") as found:
        same(found.load(), dataset)


def test_xarray_alone_opens_zarr(tmp_path: Path, dataset: xr.Dataset) -> None:
    datasets.write_zarr(tmp_path / "a.zarr.zip", dataset)
    with zarr.storage.ZipStore(tmp_path / "a.zarr.zip", mode="r") as store:
        assert zarr.open_group(store, mode="r").metadata.zarr_format == 3
        same(xr.open_zarr(store, consolidated=False).load(), dataset)


def test_h5py_alone_opens_hdf5(tmp_path: Path, dataset: xr.Dataset) -> None:
    datasets.write_h5(tmp_path / "a.h5", dataset)
    with h5py.File(tmp_path / "a.h5") as content:
        array = content["attribution"]
        scales = [[scale.name for scale in array.dims[axis].values()] for axis in range(3)]
        assert scales == [["/label"], ["/row"], ["/col"]]
        assert array.dtype == np.dtype("<f4")
        np.testing.assert_array_equal(array[()], dataset["attribution"])
        assert [b"".join(row).decode() for row in content["label"]] == LABELS
        assert datasets.read_text(content["label"]).tolist() == LABELS
        assert content["label"].is_scale
        assert content.attrs["image"].decode() == "ü"
        assert content.attrs["relative_error"].item() == 0.25
        assert array.attrs["units"].decode() == "logit"


def test_text_is_characters_in_hdf5(tmp_path: Path, dataset: xr.Dataset) -> None:
    """Octave stops at text of variable length; ncdump and R crash at HDF5's of fixed length."""
    labels = np.array([f"label {number} 猫" for number in range(700)], object)
    many = dataset.assign_coords(other=("other", labels))
    datasets.write_h5(tmp_path / "a.h5", many)
    longest = max(len(label.encode()) for label in LABELS)
    with h5py.File(tmp_path / "a.h5") as content:
        assert content["label"].shape == (len(LABELS), longest)
        assert content["top"].shape == (5, 2)  # "é" takes two bytes
        assert (content["label"].compression, content["other"].compression) == ("gzip", "gzip")
        assert content["other"].chunks == content["other"].shape
        assert content["top"].compression is None
        for name in ("label", "top", "other"):
            assert content[name].dtype == "S1", name
            assert content[name].attrs["_Encoding"] == b"utf-8"
        assert datasets.read_text(content["other"]).tolist() == labels.tolist()
        assert datasets.read_text(content["top"]).tolist() == ["é", "", "b", "b", "c"]


def test_attributes_have_a_fixed_length_in_hdf5(tmp_path: Path, dataset: xr.Dataset) -> None:
    """Octave's netcdf knows no other; JavaScript and R have no numbers of 64 bits.

    All are in the header of their object, as jsfive shows no others.
    """
    facts = {f"fact_{number}": "ü" * number for number in range(40)}
    datasets.write_h5(tmp_path / "a.h5", dataset.assign_attrs(facts))
    with h5py.File(tmp_path / "a.h5") as content:
        header = h5py.h5o.get_info(content["/"].id)
        assert header.num_attrs > 40
        assert (header.meta_size.attr.heap_size, header.meta_size.attr.index_size) == (0, 0)
        for found in (content, content["attribution"], content["label"]):
            own = [key for key in found.attrs if key not in ("DIMENSION_LIST", "REFERENCE_LIST")]
            assert len(own) > 2
            for key in own:
                kind = found.attrs.get_id(key).dtype
                assert kind.kind in "Sf" or kind == "i4", (found, key, kind)
        assert content.attrs["n"] == 2
    about = {"Conventions": "blockscope-1.0"}
    assert datasets.read(tmp_path / "a.h5").attrs == about | dataset.attrs | facts
    assert provenance.read(tmp_path / "a.h5") == dataset.attrs | facts


def test_text_too_long_to_pad_is_kept(tmp_path: Path, dataset: xr.Dataset, monkeypatch) -> None:
    monkeypatch.setattr(datasets, "PADDED", 100)
    datasets.write_h5(tmp_path / "a.h5", dataset)
    same(datasets.read(tmp_path / "a.h5"), dataset)
    with h5py.File(tmp_path / "a.h5") as content:
        assert h5py.check_string_dtype(content["label"].dtype).length is None
        assert datasets.read_text(content["label"]).tolist() == LABELS
        assert content["top"].dtype == "S1"


def test_part_of_a_dataset_read_can_be_written(tmp_path: Path, dataset: xr.Dataset) -> None:
    """What was read says how long its text was, which its parts are not."""
    datasets.write_h5(tmp_path / "a.h5", dataset)
    part = datasets.read(tmp_path / "a.h5").isel(label=[0, 5])
    datasets.write_h5(tmp_path / "b.h5", part)
    same(datasets.read(tmp_path / "b.h5"), dataset.isel(label=[0, 5]))
    with h5py.File(tmp_path / "b.h5") as content:
        assert content["label"].shape == (2, 5)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((90, 14, 12), (90, 14, 12)), ((300, 14, 12), (97, 14, 12)), ((3, 200, 300), (1, 200, 300))],
)
def test_a_label_is_read_without_most_of_the_others(
    tmp_path: Path, rng, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    """Chunks have whole maps, and as many as 64 kB hold."""
    values = rng.normal(size=shape).astype(np.float32)
    dataset = xr.Dataset({"attribution": (("label", "row", "col"), values)})
    datasets.write_h5(tmp_path / "a.h5", dataset)
    with h5py.File(tmp_path / "a.h5") as content:
        assert content["attribution"].chunks == chunks
        assert content["attribution"].compression == "gzip"
        np.testing.assert_array_equal(content["attribution"][2], values[2])


def test_what_compression_does_not_make_smaller_has_no_chunks(
    tmp_path: Path, rng, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of chunks takes 2.9 kB, as much as a small array."""
    noise = rng.normal(size=(30, 40)).astype(np.float32)
    arrays = {"noise": noise, "zeros": np.zeros_like(noise), "few": noise[:2]}
    axes = {"noise": ("row", "col"), "zeros": ("row", "col"), "few": ("label", "col")}
    dataset = xr.Dataset({name: (axes[name], array) for name, array in arrays.items()})
    datasets.write_h5(tmp_path / "a.h5", dataset)
    with h5py.File(tmp_path / "a.h5") as content:
        found = {name: content[name].compression for name in arrays}
    assert found == {"noise": None, "zeros": "gzip", "few": None}
    monkeypatch.setattr(datasets, "INDEX", 0)
    datasets.write_h5(tmp_path / "b.h5", dataset)
    smaller = (tmp_path / "b.h5").stat().st_size - (tmp_path / "a.h5").stat().st_size
    assert smaller > 0
    np.testing.assert_array_equal(datasets.read(tmp_path / "a.h5")["noise"], noise)


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((40, 64, 48, 3), (7, 64, 48, 3)),
        ((3, 9, 48, 32, 3), (1, 9, 48, 32, 3)),
        ((2, 4, 160, 200, 3), (1, 1, 160, 200, 3)),
        ((5, 3, 8, 8, 3), (5, 3, 8, 8, 3)),
    ],
)
def test_chunks_of_pictures_hold_whole_ones(
    tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> None:
    names = [*("abc"[: len(shape) - 3]), "y", "x", "rgb"]
    values = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    datasets.write_zarr(tmp_path / "a.zarr.zip", xr.Dataset({"cells": (names, values)}))
    with zarr.storage.ZipStore(tmp_path / "a.zarr.zip", mode="r") as store:
        assert zarr.open_array(store, path="cells", mode="r").chunks == chunks
    np.testing.assert_array_equal(datasets.read(tmp_path / "a.zarr.zip")["cells"], values)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_dataset_read_can_be_written_again(tmp_path: Path, dataset, ending: str) -> None:
    WRITERS[ending](tmp_path / f"a{ending}", dataset)
    for other, write in WRITERS.items():
        write(tmp_path / f"b{other}", datasets.read(tmp_path / f"a{ending}"))
        same(datasets.read(tmp_path / f"b{other}"), dataset)


@pytest.mark.parametrize("ending", WRITERS)
def test_every_flipped_bit_is_told(tmp_path: Path, dataset, rng, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    WRITERS[ending](path, dataset)
    content = path.read_bytes()
    ends = (0, 8 * len(content) - 1)
    for place in [*ends, *rng.integers(0, 8 * len(content), 200)]:
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        for read in (datasets.read, provenance.read):
            with pytest.raises(BadFile, match=rf"a{ending}' (is damaged|does not end in its che)"):
                read(path)


def test_a_value_changed_by_another_program_is_told(tmp_path: Path, dataset) -> None:
    datasets.write_h5(tmp_path / "a.h5", dataset)
    with h5py.File(tmp_path / "a.h5", "r+") as content:
        content["index"].write_direct(np.arange(2, 9, dtype="i4"))
    with pytest.raises(BadFile, match=r"a\.h5' .*; delete it, and it is made again"):
        datasets.read(tmp_path / "a.h5")


FULL = """
import resource, sys
import numpy as np, xarray as xr
from blockscope.io import datasets
noise = np.random.default_rng(0).normal(size=(200, 30, 30)).astype("f4")
big = xr.Dataset({"a": (("label", "row", "col"), noise)})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    (datasets.write_h5 if sys.argv[1].endswith(".h5") else datasets.write_zarr)(sys.argv[1], big)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("ending", WRITERS)
def test_a_full_disk_loses_nothing(tmp_path: Path, dataset: xr.Dataset, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    WRITERS[ending](path, dataset)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "File too large\n", "")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", WRITERS)
def test_what_cannot_be_written_leaves_the_older_file(
    tmp_path: Path, dataset: xr.Dataset, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    WRITERS[ending](path, dataset)
    with pytest.raises((TypeError, ValueError)):
        WRITERS[ending](path, xr.Dataset(attrs={"made_by": object()}))
    same(datasets.read(path), dataset)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", WRITERS)
def test_a_damaged_file_is_named(tmp_path: Path, dataset: xr.Dataset, rng, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    WRITERS[ending](path, dataset)
    whole = path.read_bytes()
    short = [whole[: int(length)] for length in np.linspace(0, len(whole) - 1, 30)]
    for content in [*short, rng.bytes(5000)]:
        path.write_bytes(content)
        with pytest.raises(BadFile, match=rf"result file '.*a{ending}' does not end in its check"):
            datasets.read(path)


@pytest.mark.filterwarnings("ignore:Object at:zarr.errors.ZarrUserWarning")
@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_of_another_kind_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"a,b\n1,2\n" + checksums.MARK)
    checksums.seal(path)
    with pytest.raises(BadFile, match=rf"result file '.*a{ending}' cannot be read: ."):
        datasets.read(path)


def test_other_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(
        BadFile, match=r"'.*a\.npz' contains no arrays; valid endings: \.h5, \.zarr"
    ):
        datasets.read(tmp_path / "a.npz")
    with pytest.raises(BadFile, match=r"result file '.*a\.h5' does not exist"):
        datasets.read(tmp_path / "a.h5")
    (tmp_path / "a.zarr.zip").mkdir()
    with pytest.raises(BadFile, match=r"result file '.*a\.zarr\.zip' is a folder"):
        datasets.read(tmp_path / "a.zarr.zip")


def test_measurements_are_stored_as_float32() -> None:
    found = datasets.as_float32(np.arange(35, dtype=np.float64).reshape(5, 7).T)
    assert found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(found, np.arange(35).reshape(5, 7).T)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return an HDF5 file outside of the folder of results, with something in it."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["numbers"] = np.arange(5.0)
    return tmp_path / "secret.h5"


def link(file: h5py.File, other: Path) -> None:
    file["inner/leak"] = h5py.ExternalLink(str(other), "numbers")


def external_data(file: h5py.File, other: Path) -> None:
    file.create_dataset("leak", (5,), "f8", external=[(str(other), 0, 40)])


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((5,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "numbers", (5,))
    file.create_virtual_dataset("leak", layout)


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (link, r"'inner/leak' is a link to 'numbers' in '.*secret\.h5'; a file must hold all"),
        (external_data, r"'leak' has its data in '.*secret\.h5'"),
        (virtual, r"'leak' is put together from datasets of other files"),
    ],
)
def test_what_is_in_another_file_is_not_read(
    tmp_path: Path, dataset: xr.Dataset, other: Path, leak, words: str
) -> None:
    path = tmp_path / "results" / "a.h5"
    datasets.write_h5(path, dataset)
    with h5py.File(path, "r+") as file:
        leak(file, other)
    with open(path, "ab") as file:
        file.write(checksums.MARK)
    checksums.seal(path)
    for question in (datasets.read, load, describe):
        with pytest.raises(BadFile, match=words):
            question(path)


def huge_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (1 << 20, 1 << 20), "f4", chunks=(1, 1 << 10))
        file.create_dataset("b", (1 << 20, 1 << 20), "f4", chunks=(1, 1 << 10))


def huge_zarr(path: Path) -> None:
    folder = path.with_name("store")
    for name in ("a", "label"):  # a coordinate is read as soon as a store is opened
        group = zarr.open_group(folder, mode="a", zarr_format=3)
        shape, names = ((1 << 40,), [name]) if name == "label" else ((1 << 40,), ["row"])
        group.create_array(name, shape=shape, chunks=(1 << 10,), dtype="f4", dimension_names=names)
    with zipfile.ZipFile(path, "w") as archive:
        for member in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(member, member.relative_to(folder).as_posix())
        archive.comment = checksums.MARK + bytes(checksums.DIGITS)
    os.truncate(path, path.stat().st_size - checksums.DIGITS)


@pytest.mark.parametrize(("ending", "write"), [(".h5", huge_h5), (".zarr.zip", huge_zarr)])
def test_arrays_that_exceed_the_memory_are_refused_before_they_are_read(
    tmp_path: Path, ending: str, write
) -> None:
    path = tmp_path / f"a{ending}"
    write(path)
    if ending == ".h5":
        with path.open("ab") as file:
            file.write(checksums.MARK)
    checksums.seal(path)
    assert path.stat().st_size < 10_000
    words = rf"^'{path}' states arrays of 8,796,093,022,208 bytes, and this machine has [\d,]+ b"
    with pytest.raises(BadFile, match=words):
        datasets.read(path)


def test_a_result_on_a_disk_without_locks_is_read(tmp_path: Path, dataset: xr.Dataset) -> None:
    """Another process holds a lock, as a disk without locks refuses each."""
    path = tmp_path / "a.h5"
    datasets.write_h5(path, dataset)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        same(datasets.read(path), dataset)
        assert provenance.read(path)["created_by"] == "classes"
