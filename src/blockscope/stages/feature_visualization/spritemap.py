"""The stage "spritemap": the sprites of a layer, or of some of its units, on one sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.feature_visualization.mosaics import flatten_alpha, sheet_of, wrap_of
from blockscope.io import datasets, images, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.counts import all_of, counted
from blockscope.io.errors import BadFile
from blockscope.io.json_files import write_facts

PER_SPRITE = ("objective", "heldout_objective", "diverged_step")
RENDERED = ("unit", "checkpoint_key", "size", "steps", "seed")  # facts, with those of the recipe


def write_spritemap(
    *,
    shards: Sequence[FilePath],
    numbers: Sequence[int],
    layer: str,
    zarr: FilePath,
    png: FilePath,
    json: FilePath,
) -> None:
    """Join the shards of some units of a layer: an array, a sheet, and what its tiles are.

    ``numbers`` says which units, in ascending order. The array has ``sprites`` (sprite, row, col,
    rgb) uint8 on a light grey, ``alpha`` (sprite, row, col) where the recipe has an opacity, and
    the numbers of each sprite. Tile n of the sheet shows the n-th unit, in column n % wrap, row
    n // wrap. Raises ``BadFile`` where the shards do not hold exactly these units, were not
    rendered alike, or hold no sprite that was finished.
    """
    sprites = merge_shards([datasets.read(path) for path in shards], numbers, layer)
    origin = provenance.read(shards[0])
    _check_not_all_diverged(sprites, layer, str(origin["unit"]))
    pixels, alpha = flatten_alpha(sprites.sprites.to_numpy())
    shown = {"long_name": "red, green and blue of the sprite's pixels, 0 to 255"}
    kept: dict[str, Any] = {"sprites": (("sprite", "row", "col", "rgb"), pixels, shown)}
    if alpha is not None:
        opacity = {"long_name": "opacity of the sprite's pixels, 0 to 255"}
        kept["alpha"] = (("sprite", "row", "col"), alpha, opacity)
    measured = {name: sprites[name] for name in PER_SPRITE}
    rendered = {k: v for k, v in origin.items() if k in RENDERED or k.startswith("recipe")}
    facts = provenance.record("spritemap", **provenance.inherited(origin), **rendered)
    coordinates = {"sprite": sprites.sprite, "rgb": list("rgb")}
    datasets.write_zarr(zarr, xr.Dataset({**kept, **measured}, coordinates, facts))
    whole = origin["unit"] != "direction" and len(numbers) == origin["units"]
    wrap = wrap_of(layer if whole else "", len(pixels))
    images.write_png(png, sheet_of(pixels, wrap), facts)
    described = {
        "tile": pixels.shape[1],
        "wrap": wrap,
        "unit": origin["unit"],
        "sprite": list(numbers),
        "objective": _rounded(sprites.objective.to_numpy()),
        "heldout_objective": _rounded(sprites.heldout_objective.to_numpy()),
        "diverged_step": sprites.diverged_step.to_numpy().tolist(),
        "provenance": facts,
    }
    write_facts(json, described)


def merge_shards(shards: Sequence[xr.Dataset], numbers: Sequence[int], layer: str) -> xr.Dataset:
    """Return the sprites of some units in their order.

    Raises ``BadFile`` where one is missing, duplicate, or from another recipe or network.
    """
    again = "; remove the shards of the layer and render it again"
    sorts = {(shard.attrs["graph_sha256"], shard.attrs["checkpoint_key"]) for shard in shards}
    if len(sorts) > 1:
        raise BadFile(
            f"sprites of layer '{layer}' were rendered with {len(sorts)} different recipes, "
            f"networks or code versions{again}"
        )
    times = Counter(number for shard in shards for number in shard.sprite.values.tolist())
    missing = [number for number in numbers if number not in times]
    repeated = [number for number in sorted(times) if times[number] > 1]
    foreign = sorted(set(times).difference(numbers))
    for found, what in ((missing, "missing"), (repeated, "duplicate"), (foreign, "too many")):
        if found:
            raise BadFile(
                f"of {counted(len(numbers), 'requested sprite')} of layer '{layer}', {len(found)} "
                f"{'is' if len(found) == 1 else 'are'} {what}, the first is {found[0]}{again}"
            )
    whole = xr.concat(shards, "sprite", combine_attrs="override").sortby("sprite")
    return whole.transpose("sprite", ...)


def _check_not_all_diverged(sprites: xr.Dataset, layer: str, noun: str) -> None:
    step = sprites.diverged_step.to_numpy()
    if (step >= 0).all():
        raise BadFile(
            f"{all_of(len(step), 'sprite')} of {noun}s of layer '{layer}' diverged (NaN or "
            f"infinity) at step {step.min()} to {step.max()}; check the model's weights and input "
            "range (models "
            "catalogue), or choose another recipe (key sprites.recipe of the config)"
        )


def _rounded(numbers: npt.NDArray[np.float32]) -> list[float | None]:
    """Return numbers for JSON, which has none that are not finite."""
    return [float(f"{n:.6g}") if np.isfinite(n) else None for n in numbers]
