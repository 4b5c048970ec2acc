"""Pictures that are done, kept batch by batch, so that a job that was killed goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from blockscope import stores
from blockscope.ascent.climb import Batch
from blockscope.errors import BadFile


class Finished:
    """A side folder of finished sprites of one layer, under a key of all that decides their pixels.

    Jobs for other ranges of the layer may share it. A file is there whole or not at all; one that
    is damaged counts as not there.
    """

    def __init__(self, folder: Path, decides: Any) -> None:
        """Find the folder for what ``decides`` the pixels, any JSON."""
        text = json.dumps(decides, sort_keys=True)
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def add(self, sprites: xr.Dataset) -> None:
        """Keep a batch; its first sprite, which no other batch has, names the file."""
        stores.write_h5(self.folder / f"{int(sprites.sprite[0]):04d}.h5", sprites)

    def read(self, wanted: Iterable[int]) -> xr.Dataset | None:
        """Return those of the wanted sprites that are here, in their order; None for none."""
        found = []
        for path in sorted(self.folder.glob("*.h5")):
            with suppress(BadFile):
                kept = stores.read(path)
                found.append(kept.isel(sprite=np.isin(kept.sprite, list(wanted))))
        found = [sprites for sprites in found if sprites.sizes["sprite"]]
        return xr.concat(found, "sprite").sortby("sprite") if found else None

    def clear(self, done: Iterable[int]) -> None:
        """Remove the batches that hold none but ``done`` sprites, and the folder if it is empty."""
        for path in self.folder.glob("*.h5"):
            with suppress(BadFile):
                if np.isin(stores.read(path).sprite, list(done)).all():
                    path.unlink()
        with suppress(OSError):
            self.folder.rmdir()


def named_sprites(batch: Batch, judged: np.ndarray) -> xr.Dataset:
    """Name the axes of a batch: ``sprites`` (sprite, row, col, colour) uint8, one number each."""
    pixels = np.rint(255 * batch.pictures).astype(np.uint8)
    return xr.Dataset(
        {
            "sprites": (("sprite", "row", "col", "colour"), pixels),
            "objective": ("sprite", stores.as_float32(batch.objective)),
            "judge": ("sprite", stores.as_float32(judged)),
            "stopped": ("sprite", batch.stopped.astype(np.int32)),
        },
        coords={"sprite": batch.images, "colour": list("rgba"[: pixels.shape[-1]])},
    )
