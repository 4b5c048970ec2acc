"""What a page holds beside its text: the arrays of a run's panels, for the script to explore."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.data.activation_grids import GridsPanel
from blockscope.figures.data.activations import LayerActivations
from blockscope.figures.data.channels import read_layer
from blockscope.figures.data.contrasts import find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.sprites import Sprites, read_sprites
from blockscope.figures.page.payload_cells import (
    active_channels,
    packed_activations,
    packed_dictionary,
    packed_grids,
    packed_sprites,
)
from blockscope.figures.page.payload_channels import (
    packed_channels,
    packed_drivers,
    packed_neurons,
    strongest_of,
)
from blockscope.figures.page.quantization import Bulk, fitted, pooled
from blockscope.figures.palettes import palettes
from blockscope.figures.style import Style
from blockscope.io import datasets, images

PICTURES_SHARE = 45  # percent of the room that pictures of cells and sprites may take
GROUPS_PART = 8  # pictures of neuron groups may take an eighth of that besides
CELLS = (3200, 800, 200, 50)  # most of a layer in the page: positions are summed in blocks beyond


def payload(
    run: RunRow,
    panels: Sequence[str],
    files: PanelFiles,
    input_uri: str,
    style: Style,
    room: int,
) -> dict[str, Any]:
    """Return the data of a page as JSON knows them; arrays are packed as `packing.pack` says.

    files         the files of all its panels, by the names of ``config.paths.panel_files``
    input_uri     the input picture as a data: address
    style         opacity and the size of cells at the start
    room          characters that arrays and pictures may take together

    Cost: reading the files and deflating the arrays, a second for layers of 14 x 14 positions.
    """
    rows, cols, _ = images.read_input(files.one("image"))[0].shape
    data: dict[str, Any] = {
        "run": run.run,
        "model": run.model,
        "image": run.image,
        "override": run.override,
        "opacity": style.opacity,
        "picture": {"uri": input_uri, "rows": rows, "cols": cols},
        "palettes": _palettes(),
        "layers": [{"name": layer} for layer in run.layers],
    }
    shown = set(panels)
    if shown <= {"factors"}:
        return data
    read = cache(datasets.read)
    pictures = room * PICTURES_SHARE // 100
    parts = len(shown & {"activation_grids"}) + 1
    if shown - {"factors", "activation_grids", "semantic_dictionary"}:
        data |= _labelled(run, shown, files, read, pictures // GROUPS_PART)
    if "activation_grids" in shown:
        data["grids"] = packed_grids(GridsPanel.of_run(run, files), pictures // parts)
        data["sized"] = style.scale_by_magnitude
    data |= _channels_and_sprites(run, shown, files, read, pictures // parts)
    taken = sum(len(sheet["uri"]) for sheet in _sheets(data))
    maps = _maps_read(run, shown, files, read)
    return dict(fitted(_ever_coarser(data, run, maps), room - taken))


def _labelled(
    run: RunRow, shown: set[str], files: PanelFiles, read: Any, room: int
) -> dict[str, Any]:
    """Return the labels, those that the run compares, and what needs nothing else.

    ``room``: characters that the pictures of neuron groups take.
    """
    classes = read(files.one("classes2"))
    pair = find_contrast(run.classes, classes)
    data = {"pair": asdict(pair) | {"text": pair.text}, "labels": _labels(classes)}
    if "channels" in shown:
        data["drivers"] = packed_drivers(read(files.one("drivers"))["attribution"])
    if "neuron_groups" in shown:
        groups = read(files.one("groups1"))
        pictures = read_sprites(files.many("group_sprites1"), groups.sizes["factor"])
        data["neurons"] = packed_neurons(groups, pictures, room)
    return data


def _maps_read(
    run: RunRow, shown: set[str], files: PanelFiles, read: Any
) -> dict[str, list[xr.Dataset]]:
    """Return both layers' attributions and those between them, for each gradient shown."""
    maps: dict[str, list[xr.Dataset]] = {}
    if "overrides" in shown:
        kinds = ("override_classes1", "override_classes2", "override_positions")
        for paths in zip(*(files.many(kind) for kind in kinds), strict=True):
            three = [read(path) for path in paths]
            maps[str(three[2].attrs["override"])] = three
    elif "spatial" in shown:
        kinds = ("classes1", "classes2", "positions")
        maps[run.override] = [read(files.one(kind)) for kind in kinds]
    return maps


def _channels_and_sprites(
    run: RunRow, shown: set[str], files: PanelFiles, read: Any, room: int
) -> dict[str, Any]:
    """Return the layers whose channels are shown, their activations, and sheets of sprites."""
    data: dict[str, Any] = {"activations": {}}
    sprites: dict[str, tuple[Sprites, set[int]]] = {}
    places = (1, 2) if "channels" in shown else (1,) if "channel_methods" in shown else ()
    layers = [
        read_layer(run, files, n, find_contrast(run.classes, read(files.one("classes2"))))
        for n in places
    ]
    if layers:
        data["channels"] = [
            packed_channels(found, read(files.one(f"channels{n}"))["label_attribution"])
            for n, found in zip(places, layers, strict=True)
        ]
    for found in layers:
        data["activations"][found.layer] = packed_activations(found.activations, bits=8)
        if found.sprites:
            sprites[found.layer] = found.sprites, strongest_of(found)
    if "semantic_dictionary" in shown:
        panel, layer = LayerActivations.of_run(run, files), run.layer1
        data["dictionary"] = packed_dictionary(layer, panel.activations)
        data["activations"][layer] = packed_activations(panel.activations, bits=16)
        if panel.sprites:
            before = sprites[layer][1] if layer in sprites else set()
            sprites[layer] = panel.sprites, before | active_channels(panel.activations)
    data["sprites"] = packed_sprites(sprites, room)
    return data


def _sheets(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (grid["sheet"] for grid in data.get("grids", []))
    yield from data["sprites"].values()
    if "sheet" in data.get("neurons", {}):
        yield data["neurons"]["sheet"]


def _ever_coarser(
    data: dict[str, Any], run: RunRow, maps: Mapping[str, Sequence[xr.Dataset]]
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
                    for name, grid, block in zip(run.layers, grids, blocks, strict=True)
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


def _labels(classes: xr.Dataset) -> dict[str, Any]:
    return {
        "name": [str(name) for name in classes["label"].values],
        "index": classes["index"].to_numpy().tolist(),
        "probability": Bulk(classes["probability"].to_numpy()[None]),
    }
