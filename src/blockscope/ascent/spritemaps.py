"""The stage "sprites": all sprites of a layer on one sheet."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope import images, provenance, stores
from blockscope.errors import BadFile
from blockscope.files import write_text_whole
from blockscope.models.card import Card

# Tiles in a row of the sheets that came with the article, by InceptionV1's layers.
WRAPS = {
    "mixed3a": 16, "mixed3b": 21, "mixed4a": 22, "mixed4b": 22, "mixed4c": 22, "mixed4d": 22,
    "mixed4e": 28, "mixed5a": 28,
}  # fmt: skip
LIGHT = 220  # grey under what is transparent, as on the article's sheets


def ranges(count: int, block: int) -> list[tuple[int, int]]:
    """Return the first and last channel of every shard of a layer with ``count`` channels."""
    return [(first, min(first + block, count) - 1) for first in range(0, count, block)]


def write_spritemap(
    shards: Sequence[str | os.PathLike[str]],
    card_path: str | os.PathLike[str],
    layer: str,
    zarr_path: str | os.PathLike[str],
    png_path: str | os.PathLike[str],
    json_path: str | os.PathLike[str],
) -> None:
    """Join the shards of a layer: an array, a sheet, and what the sheet's tiles are.

    The array has ``sprites`` (sprite, row, col, rgb) uint8 on a light grey, ``alpha`` (sprite, row,
    col) where the recipe has one, and ``objective`` and ``judge`` of each. Tile n of the sheet is
    in column n % wrap, row n // wrap.

    Raises ``BadFile`` where the shards do not tile the layer exactly or were not rendered alike.
    """
    card = Card.read(card_path)
    sprites = joined([stores.read(path) for path in shards], card.layer(layer).shape[2], layer)
    pixels, alpha = on_light(sprites.sprites.to_numpy())
    kept: dict[str, Any] = {"sprites": (("sprite", "row", "col", "rgb"), pixels)}
    if alpha is not None:
        kept["alpha"] = (("sprite", "row", "col"), alpha)
    numbers = {name: sprites[name] for name in ("objective", "judge", "stopped")}
    origin = provenance.of(shards[0])
    rendered = {key: origin[key] for key in ("recipe", "size", "steps", "seed")}
    facts = provenance.record("sprites", **provenance.inherited(origin), **rendered)
    coordinates = {"sprite": sprites.sprite, "rgb": list("rgb")}
    stores.write_zarr(zarr_path, xr.Dataset({**kept, **numbers}, coordinates, facts))
    wrap = wrap_of(layer, len(pixels))
    images.write_png(png_path, sheet_of(pixels, wrap), facts)
    described = {
        "tile": pixels.shape[1],
        "wrap": wrap,
        "objective": _rounded(sprites.objective.to_numpy()),
        "judge": _rounded(sprites.judge.to_numpy()),
        "provenance": facts,
    }
    write_text_whole(json_path, json.dumps(described, indent=1) + "\n")


def joined(shards: Sequence[xr.Dataset], count: int, layer: str) -> xr.Dataset:
    """Return all sprites in their order; ``count``: channels of the layer.

    Raises ``BadFile`` where one is missing, there twice, or from another recipe or network.
    """
    again = "; remove the shards of the layer and render it again"
    sorts = {(shard.attrs["model_sha256"], shard.attrs["recipe"]) for shard in shards}
    if len(sorts) > 1:
        raise BadFile(f"sprites of layer '{layer}' come from {len(sorts)} recipes or codes{again}")
    present = np.concatenate([[], *(shard.sprite.to_numpy() for shard in shards)]).astype(int)
    times = np.bincount(present, minlength=count)
    missing, repeated = np.flatnonzero(times[:count] == 0), np.flatnonzero(times > 1)
    foreign = np.flatnonzero(times[count:]) + count
    for numbers, what in ((missing, "missing"), (repeated, "there twice"), (foreign, "too many")):
        if len(numbers):
            raise BadFile(
                f"sprites of layer '{layer}', which has {count} channels: {len(numbers)} are "
                f"{what}, the first is {numbers[0]}{again}"
            )
    whole = xr.concat(shards, "sprite", combine_attrs="override").sortby("sprite")
    return whole.transpose("sprite", ...)


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


def _rounded(numbers: npt.NDArray[np.float32]) -> list[float]:
    return [float(f"{number:.6g}") for number in numbers]
