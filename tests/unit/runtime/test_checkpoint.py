"""Checkpoints in a folder: what killed jobs leave half written does not stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from blockscope.runtime.checkpoint import ABANDONED, FolderCheckpoint

ARRAYS = {"a": np.arange(3)}


def half_written(folder: Path, age: float) -> Path:
    path = folder / f".0-3.npz.00000000.{age:g}.part"
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_killed_jobs_left_goes_with_the_last_set(tmp_path):
    progress = tmp_path / "progress"
    other, own = (FolderCheckpoint(progress, decides) for decides in ("older settings", "own"))
    for checkpoint in (other, own):
        checkpoint.write("0-3", ARRAYS)
        half_written(progress / checkpoint.key, ABANDONED + 60)
    other.remove("0-3")
    own.remove("0-3")
    assert not list(progress.iterdir())


def test_what_another_job_may_be_writing_stays(tmp_path):
    checkpoint = FolderCheckpoint(tmp_path, "own")
    checkpoint.write("0-3", ARRAYS)
    at_work = half_written(tmp_path / checkpoint.key, 1)
    checkpoint.remove("0-3")
    assert list((tmp_path / checkpoint.key).iterdir()) == [at_work]
