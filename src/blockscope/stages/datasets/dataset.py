"""The stage "dataset": which images a data set has, and where each of them is."""

from __future__ import annotations

from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.image_sets.index import make_index


def write_dataset(
    *, dataset: str, path: str, count: int | None, seed: int, labels: str, output: FilePath
) -> None:
    """Write the index of the data set of id ``dataset`` as HDF5; see `make_index` for the rest."""
    index = make_index(path, count, seed, labels)
    index.attrs = provenance.record("dataset", dataset=dataset, **index.attrs)
    datasets.write_h5(output, index)
