"""How long the check of a result file's checksum takes, against reading its arrays."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from blockscope.io import datasets
from blockscope.io.checksums import check_seal

SHAPE = (1000, 28, 28)  # label, row, col
TIMES = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add none."""


def run(options: argparse.Namespace) -> None:
    """Print the speed of the check, and the times of one file."""
    del options
    values = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.h5")
        datasets.write_h5(path, xr.Dataset({"attribution": (("label", "row", "col"), values)}))
        check, read = _least(lambda: check_seal(path)), _least(lambda: datasets.read(path))
        size = path.stat().st_size
    print(f"checksum of {size:,} bytes (labels, rows, cols: {SHAPE}):")
    print(f"  {check * 1e3:.1f} ms, {size / check / 1e9:.2f} GB/s")
    print(f"  with the reading of the arrays: {read * 1e3:.1f} ms")


def _least(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some runs."""
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
