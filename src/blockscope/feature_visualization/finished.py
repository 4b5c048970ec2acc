"""Pictures that are done, kept batch by batch, so that a job that was killed goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from blockscope.feature_visualization.optimizer import Batch
from blockscope.feature_visualization.unit_selection import read_numbers
from blockscope.io import datasets
from blockscope.io.errors import BadFile


class Finished:
    """A side folder of finished sprites of one layer, under a key of all that decides their pixels.

    Jobs for other units of the layer may share it, also at the same time. A file is there whole or
    not at all; one that is damaged counts as not there.
    """

    def __init__(self, folder: Path, decides: Any, shards: Path | None = None) -> None:
        """Find the folder for what ``decides`` the pixels, any JSON.

        ``shards``: where finished shards of the layer lie, named by their units; those that record
        this key as their ``recipe`` are taken from as well.
        """
        text = json.dumps(decides, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder, self._shards = folder / self.key, shards

    def add(self, sprites: xr.Dataset) -> None:
        """Keep a batch; its units, which no other batch has, name the file."""
        numbers = sprites.sprite.values.tolist()
        name = hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:8]
        datasets.write_h5(self.folder / f"{numbers[0]:04d}-{name}.h5", sprites)

    def read(self, wanted: Iterable[int]) -> xr.Dataset | None:
        """Return those of the wanted sprites that are here, in their order; None for none."""
        numbers = set(wanted)
        found = []
        for path in [*sorted(self.folder.glob("*.h5")), *self._related(numbers)]:
            with suppress(BadFile):
                kept = datasets.read(path)
                if path.parent == self.folder or kept.attrs.get("recipe") == self.key:
                    found.append(kept.isel(sprite=np.isin(kept.sprite, list(numbers))))
        found = [sprites for sprites in found if sprites.sizes["sprite"]]
        return joined_batches(found) if found else None

    def _related(self, numbers: set[int]) -> list[Path]:
        """Return the shards whose names have some of the numbers, without opening them."""
        found = []
        for path in sorted(self._shards.glob("*.h5")) if self._shards else []:
            with suppress(BadFile):  # a file of another name
                found += [path] if numbers.intersection(read_numbers(path.stem)) else []
        return found

    def clear(self, done: Iterable[int]) -> None:
        """Remove the batches that hold none but ``done`` sprites, and the folder if it is empty."""
        for path in self.folder.glob("*.h5"):
            with suppress(BadFile):
                if np.isin(datasets.read(path).sprite, list(done)).all():
                    path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()


def joined_batches(batches: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the sprites of some batches in the order of their numbers, each once.

    Nothing tells which of them a file had kept.
    """
    plain = [
        batch.drop_attrs(deep=False).assign_coords(colour=batch.colour.astype(str))
        for batch in batches
    ]
    return xr.concat(plain, "sprite").drop_duplicates("sprite").sortby("sprite")


def named_sprites(batch: Batch, judged: np.ndarray) -> xr.Dataset:
    """Name the axes of a batch: ``sprites`` (sprite, row, col, colour) uint8, one number each."""
    pixels = np.rint(255 * batch.pictures).astype(np.uint8)
    return xr.Dataset(
        {
            "sprites": (("sprite", "row", "col", "colour"), pixels),
            "objective": ("sprite", datasets.as_float32(batch.objective)),
            "judge": ("sprite", datasets.as_float32(judged)),
            "stopped": ("sprite", batch.stopped.astype(np.int32)),
        },
        coords={"sprite": batch.images, "colour": list("rgba"[: pixels.shape[-1]])},
    )
