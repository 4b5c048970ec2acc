"""What a contact sheet shows: a layer's sprites, and how its channels respond to an image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.figures.arrays import Floats, Pixels
from blockscope.io import datasets, images
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts
from blockscope.io.provenance import read as read_provenance

AXES = ("sprite", "row", "col", "rgb")


@dataclass(frozen=True)
class LayerSprites:
    """The spritemap of a layer, as the stage "spritemap" writes it.

    Attributes
    ----------
    layer
        The layer.
    unit
        What a sprite is of: "channel", unless the spritemap says otherwise.
    numbers
        (sprite,), which of the layer's units they are, in rising order.
    pixels
        (sprite, row, col, rgb).
    objective
        (sprite,), as the last step saw it.
    heldout_objective
        (sprite,), under random transforms that no step has seen.
    diverged_step
        (sprite,), the step at which its numbers were no longer finite, -1 for none.
    facts
        Where it comes from.
    """

    layer: str
    unit: str
    numbers: NDArray[np.integer]
    pixels: Pixels
    objective: Floats
    heldout_objective: Floats
    diverged_step: NDArray[np.integer]
    facts: Facts


@dataclass(frozen=True)
class Response:
    """How the channels that have a sprite respond to an image.

    Attributes
    ----------
    image
        Its id.
    pixels
        The image as the network sees it.
    activations
        (row, col, sprite).
    facts
        Where they come from.
    """

    image: str
    pixels: Pixels
    activations: Floats
    facts: Facts


def read_layer_sprites(path: str | os.PathLike[str]) -> LayerSprites:
    """Read a spritemap, ``.zarr.zip``; raises ``BadFile`` if it is missing or something else."""
    if not Path(path).is_file():
        raise BadFile(
            f"there is no spritemap '{path}'; a contact sheet needs one: render it with "
            f"\"snakemake {path} --config 'sprites={{recipe: draft}}'\""
        )
    found = datasets.read(path)
    wanted = ("sprites", "objective", "heldout_objective", "diverged_step")
    missing = [name for name in wanted if name not in found]
    if missing or found["sprites"].dims != AXES:
        what = f"lacks {', '.join(missing)}" if missing else f"has axes {found['sprites'].dims}"
        raise BadFile(
            f"'{path}' {what}; a spritemap has {', '.join(wanted)}, and sprites has the axes "
            f"{', '.join(AXES)}; regenerate it"
        )
    return LayerSprites(
        layer=str(found.attrs["layer"]),
        unit=str(found.attrs.get("unit", "channel")),
        numbers=found["sprite"].to_numpy(),
        pixels=found["sprites"].to_numpy(),
        objective=found["objective"].to_numpy(),
        heldout_objective=found["heldout_objective"].to_numpy(),
        diverged_step=found["diverged_step"].to_numpy(),
        facts=read_provenance(path),
    )


def read_response(
    activations: str | os.PathLike[str], image_path: str | os.PathLike[str], sprites: LayerSprites
) -> Response:
    """Read how the channels that the sprites are of respond to an image.

    Raises ``BadFile`` where the activations are of another network or layer, lack one of the
    channels, or are of another image than the one given.
    """
    if sprites.unit == "direction":
        raise BadFile(
            f"the sprites of layer '{sprites.layer}' are of directions, which have no activations; "
            "a contact sheet with an image is made of a layer's channels"
        )
    active, shown = datasets.read(activations), images.read_png(image_path)
    for key in ("model", "graph_sha256", "layer"):
        _check(key, active, activations, sprites.facts.get(key), "the sprites are from")
    for key in ("image", "image_sha256"):
        _check(key, active, activations, shown[1].get(key), f"'{image_path}' is from")
    values = active["activations"].transpose("row", "col", "channel").to_numpy()
    last = int(sprites.numbers.max())
    if last >= values.shape[2]:
        raise BadFile(
            f"layer '{sprites.layer}' has {counted(values.shape[2], 'channel')} in "
            f"'{activations}', and a sprite of channel {last}; regenerate both"
        )
    return Response(
        str(active.attrs["image"]),
        shown[0],
        values[..., sprites.numbers],
        read_provenance(activations),
    )


def _check(key: str, found: xr.Dataset, path: object, wanted: object, whose: str) -> None:
    if found.attrs.get(key) != wanted:
        raise BadFile(
            f"'{path}' is from {key} '{found.attrs.get(key)}', but {whose} {key} '{wanted}'; "
            "regenerate both"
        )


def max_pooled(activations: Floats, block: int) -> Floats:
    """Return the largest of each block of ``block`` x ``block`` positions: (row, col, channel).

    Blocks at the far edges may be smaller. The largest of the whole map stays what it is.
    """
    for axis in (0, 1):
        starts = np.arange(0, activations.shape[axis], block)
        activations = np.maximum.reduceat(activations, starts, axis=axis)
    return activations
