"""Result files: how large they are, and how long reading and the check of the checksum take.

The attribution of the embedded network, in chunks as they are written and of one label each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import h5py
import xarray as xr

from bench.grids import SCENE
from blockscope.io import datasets
from blockscope.io.checksums import check_seal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LAYERS, TIMES = ("mixed3a", "mixed4d"), 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(options: argparse.Namespace) -> None:
    """Print two lines for each layer."""
    del options
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.h5"
        for layer in LAYERS:
            values = _attribution(layer)
            array = xr.Dataset({"attribution": (("label", "row", "col"), values)})
            print(f"\nattribution at {layer}, {values.shape}: {values.nbytes:,} bytes as numbers")
            for words, most in (("of 64 kB", datasets.CHUNK), ("of a label", 1)):
                with mock.patch.object(datasets, "CHUNK", most):
                    datasets.write_h5(path, array)
                _print(words, path, values.nbytes)


def _attribution(layer: str) -> npt.NDArray[np.float32]:
    """Return the attribution of all labels for a drawn scene, (label, row, col)."""
    import numpy as np

    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.autodiff.gradient_overrides import find_override
    from blockscope.autodiff.linear_map import LinearMap
    from blockscope.io.images import read_image
    from studies.blocks1000.scoring import load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    values = network.values(np.array(read_image(SCENE)))
    linear = LinearMap(network, values, layer, network.logits, find_override("none"))
    return np.ascontiguousarray(attribute_labels(linear, range(1000)))


def _print(words: str, path: Path, bare: int) -> None:
    with h5py.File(path) as content:
        one = _least(lambda: content["attribution"][500])
    check, read = _least(lambda: check_seal(path)), _least(lambda: datasets.read(path))
    size = path.stat().st_size
    print(
        f"  chunks {words:10} {size / bare:.3f} of that; read {read * 1e3:5.1f} ms, of these the "
        f"checksum {check * 1e3:.1f} ms ({size / check / 1e9:.2f} GB/s); a label {one * 1e3:.2f} ms"
    )


def _least(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some runs."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
