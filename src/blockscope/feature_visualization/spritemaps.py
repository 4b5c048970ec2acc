"""The stage "sprites": the sprites of a layer, or of some of its units, on one sheet."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.io import datasets, images, provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.errors import BadFile

# Tiles in a row of the sheets that came with the article, by InceptionV1's layers.
WRAPS = {
    "mixed3a": 16, "mixed3b": 21, "mixed4a": 22, "mixed4b": 22, "mixed4c": 22, "mixed4d": 22,
    "mixed4e": 28, "mixed5a": 28,
}  # fmt: skip
LIGHT = 220  # grey under what is transparent, as on the article's sheets


def write_spritemap(
    shards: Sequence[str | os.PathLike[str]],
    numbers: Sequence[int],
    layer: str,
    zarr_path: str | os.PathLike[str],
    png_path: str | os.PathLike[str],
    json_path: str | os.PathLike[str],
) -> None:
    """Join the shards of some units of a layer: an array, a sheet, and what the sheet's tiles are.

    ``numbers``: which units, in rising order. The array has ``sprites`` (sprite, row, col, rgb)
    uint8 on a light grey, ``alpha`` (sprite, row, col) where the recipe has one, and ``objective``,
    ``judge`` and ``stopped`` of each. Tile n of the sheet shows the n-th of the units, and is in
    column n % wrap, row n // wrap.

    Raises ``BadFile`` where the shards do not hold exactly these units, were not rendered alike, or
    hold no picture that was finished.
    """
    sprites = joined([datasets.read(path) for path in shards], numbers, layer)
    origin = provenance.read(shards[0])
    _check_finished(sprites, layer, str(origin["unit"]))
    pixels, alpha = on_light(sprites.sprites.to_numpy())
    kept: dict[str, Any] = {"sprites": (("sprite", "row", "col", "rgb"), pixels)}
    if alpha is not None:
        kept["alpha"] = (("sprite", "row", "col"), alpha)
    measured = {name: sprites[name] for name in ("objective", "judge", "stopped")}
    rendered = {key: origin[key] for key in ("unit", "recipe", "size", "steps", "seed")}
    facts = provenance.record("sprites", **provenance.inherited(origin), **rendered)
    coordinates = {"sprite": sprites.sprite, "rgb": list("rgb")}
    datasets.write_zarr(zarr_path, xr.Dataset({**kept, **measured}, coordinates, facts))
    whole = origin["unit"] != "direction" and len(numbers) == origin["units"]
    wrap = wrap_of(layer if whole else "", len(pixels))
    images.write_png(png_path, sheet_of(pixels, wrap), facts)
    described = {
        "tile": pixels.shape[1],
        "wrap": wrap,
        "unit": origin["unit"],
        "sprite": list(numbers),
        "objective": _rounded(sprites.objective.to_numpy()),
        "judge": _rounded(sprites.judge.to_numpy()),
        "stopped": sprites.stopped.to_numpy().tolist(),
        "provenance": facts,
    }
    atomic_write_text(json_path, json.dumps(described, indent=1, allow_nan=False) + "\n")


def joined(shards: Sequence[xr.Dataset], numbers: Sequence[int], layer: str) -> xr.Dataset:
    """Return the sprites of some units in their order.

    Raises ``BadFile`` where one is missing, there twice, or from another recipe or network.
    """
    again = "; remove the shards of the layer and render it again"
    sorts = {(shard.attrs["model_sha256"], shard.attrs["recipe"]) for shard in shards}
    if len(sorts) > 1:
        raise BadFile(f"sprites of layer '{layer}' come from {len(sorts)} recipes or codes{again}")
    times = Counter(number for shard in shards for number in shard.sprite.values.tolist())
    missing = [number for number in numbers if number not in times]
    repeated = [number for number in sorted(times) if times[number] > 1]
    foreign = sorted(set(times).difference(numbers))
    for found, what in ((missing, "missing"), (repeated, "there twice"), (foreign, "too many")):
        if found:
            raise BadFile(
                f"sprites of layer '{layer}', of which {len(numbers)} are asked for: {len(found)} "
                f"are {what}, the first is {found[0]}{again}"
            )
    whole = xr.concat(shards, "sprite", combine_attrs="override").sortby("sprite")
    return whole.transpose("sprite", ...)


def _check_finished(sprites: xr.Dataset, layer: str, noun: str) -> None:
    """Refuse a sheet of nothing but pictures that stopped; one of them is told by ``stopped``."""
    stopped = sprites.stopped.to_numpy()
    if (stopped >= 0).all():
        raise BadFile(
            f"all {len(stopped)} sprites of {noun}s of layer '{layer}' stopped, at step "
            f"{stopped.min()} to {stopped.max()}, because their numbers were no longer finite; "
            "check the model's weights and input range (models catalogue), or take another recipe "
            "(key sprites.recipe of the settings)"
        )


def on_light(
    pixels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """Return sprites (..., rgb) on a light grey, and their opacity (...), None without one."""
    if pixels.shape[-1] == 3:
        return pixels, None
    opacity = pixels[..., 3:] / 255
    colours = opacity * pixels[..., :3] + (1 - opacity) * LIGHT
    return np.rint(colours).astype(np.uint8), pixels[..., 3]


def wrap_of(layer: str, count: int) -> int:
    """Return how many tiles a row has: the article's number, or as many as give a square."""
    return WRAPS.get(layer) or math.ceil(math.sqrt(count))


def sheet_of(pixels: npt.NDArray[np.uint8], wrap: int) -> npt.NDArray[np.uint8]:
    """Return sprites (sprite, row, col, rgb) on one sheet, uint8 (row, col, rgb)."""
    count, size = pixels.shape[:2]
    rows = -(-count // wrap)
    tiles = np.full((rows * wrap, size, size, 3), LIGHT, np.uint8)
    tiles[:count] = pixels
    grid = tiles.reshape(rows, wrap, size, size, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * size, wrap * size, 3)


def _rounded(numbers: npt.NDArray[np.float32]) -> list[float | None]:
    """Return numbers for JSON, which has none that are not finite."""
    return [float(f"{n:.6g}") if np.isfinite(n) else None for n in numbers]
