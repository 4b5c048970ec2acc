"""What a page holds beside its text: the arrays of a run's panels, for the script to explore."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope import images, stores
from blockscope.colour import factor_colours
from blockscope.figures.asked import Asked, Pair, find_pair
from blockscope.figures.channel_data import LayerChannels, read_layer
from blockscope.figures.packing import Bulk, fitted, pooled
from blockscope.figures.palettes import palettes
from blockscope.figures.raster import picture_uri

Files = Mapping[str, Any]
Floats = NDArray[np.floating]

DRIVERS = 12  # strongest channels of the earlier layer, kept for each of the later one
SPRITES = 20  # strongest channels of a method whose sprites are in the page, in either direction
GROUP_CHANNELS = 12  # strongest channels of each neuron group
CELLS = (3200, 800, 200, 50)  # most of a layer in the page: positions are summed in blocks beyond


def payload(
    asked: Asked,
    panels: Sequence[str],
    files: Files,
    input_uri: str,
    opacity: float,
    room: int,
) -> dict[str, Any]:
    """Return the data of a page as JSON knows them; arrays are packed as `packing.pack` says.

    files         the files of all its panels, by the names of ``config.paths.panel_files``
    input_uri     the input picture as a data: address
    room          characters that the arrays may take together

    Cost: reading the files and deflating the arrays, a second for layers of 14 x 14 positions.
    """
    rows, cols, _ = images.read_input(files["picture"])[0].shape
    data: dict[str, Any] = {
        "run": asked.run,
        "model": asked.model,
        "image": asked.image,
        "override": asked.override,
        "opacity": opacity,
        "picture": {"uri": input_uri, "rows": rows, "cols": cols},
        "palettes": _palettes(),
        "layers": [{"name": layer} for layer in asked.layers],
    }
    if set(panels) <= {"groups"}:
        return data
    read = cache(stores.read)
    classes = read(files["classes2"])
    pair = find_pair(asked.classes, classes)
    data |= {"pair": _pair(pair), "labels": _labels(classes)}
    shown = set(panels)
    if shown & {"channels", "methods"}:
        places = (1, 2) if "channels" in shown else (1,)
        data["channels"] = [
            _channels(read_layer(asked, files, n), read(files[f"channels{n}"])["classes"])
            for n in places
        ]
    if "channels" in shown:
        data["drivers"] = _drivers(read(files["drivers"])["attribution"])
    if "neurons" in shown:
        data["neurons"] = _neurons(read(files["groups1"]))
    maps: dict[str, list[xr.Dataset]] = {}
    if "overrides" in shown:
        kinds = ("override_classes1", "override_classes2", "override_positions")
        for paths in zip(*(files[kind] for kind in kinds), strict=True):
            three = [read(path) for path in paths]
            maps[str(three[2].attrs["override"])] = three
    elif "spatial" in shown:
        kinds = ("classes1", "classes2", "positions")
        maps[asked.override] = [read(files[kind]) for kind in kinds]
    return dict(fitted(_ever_coarser(data, asked, maps), room))


def _ever_coarser(
    data: dict[str, Any], asked: Asked, maps: Mapping[str, Sequence[xr.Dataset]]
) -> Iterator[dict[str, Any]]:
    """Yield the whole data with ever larger blocks of positions for a cell of the page."""
    if not maps:
        yield data
        return
    positions = next(iter(maps.values()))[2]["attribution"]
    grids = [tuple(positions.sizes[f"{axis}{n}"] for axis in ("row", "col")) for n in "12"]
    before = None
    for most in CELLS:
        blocks = [_block(grid, most) for grid in grids]
        if blocks != before:
            yield data | {
                "layers": [
                    {
                        "name": name,
                        "rows": -(-grid[0] // block),
                        "cols": -(-grid[1] // block),
                        "grid": list(grid),
                        "pooled": block,
                    }
                    for name, grid, block in zip(asked.layers, grids, blocks, strict=True)
                ],
                "maps": {name: _maps(three, blocks) for name, three in maps.items()},
            }
        before = blocks


def _block(grid: tuple[int, ...], most: int) -> int:
    """Return the least power of two whose square blocks are at most ``most`` on a grid."""
    block = 1
    while -(-grid[0] // block) * -(-grid[1] // block) > most:
        block *= 2
    return block


def _maps(three: Sequence[xr.Dataset], blocks: Sequence[int]) -> dict[str, Any]:
    classes1, classes2, positions = (dataset["attribution"] for dataset in three)
    between = positions.transpose("row2", "col2", "row1", "col1").to_numpy()
    between = pooled(pooled(between, blocks[1], 0), blocks[0], 2)
    return {
        "classes": [
            Bulk(pooled(found.transpose("label", "row", "col").to_numpy(), block, 1))
            for found, block in zip((classes1, classes2), blocks, strict=True)
        ],
        "positions": Bulk(between),
    }


def _palettes() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "words": palette.words,
            "signed": palette.signed,
            "table": base64.b64encode(palette.table.tobytes()).decode("ascii"),
        }
        for name, palette in palettes().items()
    ]


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "text": pair.text,
        "logsumexp": pair.logsumexp,
    }


def _labels(classes: xr.Dataset) -> dict[str, Any]:
    return {
        "name": [str(name) for name in classes["label"].values],
        "index": classes["index"].to_numpy().tolist(),
        "probability": Bulk(classes["probability"].to_numpy()[None]),
    }


def _channels(found: LayerChannels, classes: xr.DataArray) -> dict[str, Any]:
    """Return what the panels of channels show of one layer, for the pair of the run."""
    errors = [one.completeness_error for one in found.methods]
    shown = {
        int(channel)
        for method in found.methods
        for channel in np.concatenate(method.strongest(SPRITES))
    }
    sprites = found.sprites
    return {
        "layer": found.layer,
        "method": [one.method for one in found.methods],
        "attribution": Bulk(np.stack([one.values for one in found.methods])),
        "sum": [one.total for one in found.methods],
        "completeness": [error if np.isfinite(error) else None for error in errors],
        "steps": [one.steps for one in found.methods],
        "rise": found.rise,
        "classes": Bulk(classes.transpose("label", "channel").to_numpy()),
        "activations": Bulk(found.activations.transpose(2, 0, 1), bits=8),
        "sprites": {str(n): picture_uri(sprites.picture(n)) for n in sorted(shown)}
        if sprites
        else {},
    }


def _drivers(attribution: xr.DataArray) -> dict[str, Any]:
    """Return the strongest channels of layer 1 for each of layer 2, the strongest first."""
    values = attribution.transpose("channel2", "channel1").to_numpy()
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :DRIVERS]
    return {
        "channel": order.tolist(),
        "value": Bulk(np.take_along_axis(values, order, axis=1)),
    }


def _neurons(groups: xr.Dataset) -> dict[str, Any]:
    spatial = groups["spatial"].transpose("factor", "row", "col").to_numpy()
    vectors = groups["channels"].transpose("factor", "channel").to_numpy()
    order = np.argsort(-vectors, axis=1, kind="stable")[:, :GROUP_CHANNELS]
    strongest: Floats = np.take_along_axis(vectors, order, axis=1)
    return {
        "layer": str(groups.attrs["layer"]),
        "spatial": Bulk(spatial),
        "channels": {"channel": order.tolist(), "value": strongest.tolist()},
        "magnitude": groups["magnitude"].to_numpy().tolist(),
        "effect": Bulk(groups["effect"].transpose("factor", "label").to_numpy()),
        "colours": factor_colours(len(spatial)),
        "relative_error": float(groups.attrs["relative_error"]),
    }
