"""What a page holds of single positions: activation grids, active channels, sprites."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from blockscope.figures.arrays import Floats
from blockscope.figures.data.activation_grids import GridsPanel
from blockscope.figures.data.activations import representative_positions
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.page.quantization import Bulk
from blockscope.figures.page.sprite_sheet import tile_sheet

TELLING = 4  # positions that the page offers, those that are printed


def packed_grids(panel: GridsPanel, room: int) -> list[dict[str, Any]]:
    """Return the activation grids of a run; their pictures take about ``room`` characters."""
    return [
        {
            "layer": grid.layer,
            "method": grid.method,
            "rows": grid.magnitude.shape[0],
            "cols": grid.magnitude.shape[1],
            "sheet": tile_sheet(
                grid.tiles, room // len(panel.grids), grid.magnitude.shape[1]
            ).plain(),
            "magnitude": Bulk(grid.magnitude[None]),
            "stopped": np.flatnonzero(grid.diverged_step >= 0).tolist(),
        }
        for grid in panel.grids
    ]


def packed_dictionary(layer: str, activations: Floats) -> dict[str, Any]:
    """Return which positions (row, col, channel) are told, by their places row by row."""
    cols = activations.shape[1]
    cells = representative_positions(activations, TELLING)
    return {"layer": layer, "telling": [cell.row * cols + cell.col for cell in cells]}


def packed_activations(values: Floats, bits: int) -> Bulk:
    """Return activations (row, col, channel) as a page knows them, (channel, row, col)."""
    return Bulk(values.transpose(2, 0, 1), bits=bits)


def active_channels(activations: Floats) -> set[int]:
    """Return the channels of (row, col, channel) that are active at any position."""
    return {int(channel) for channel in np.flatnonzero(activations.max(axis=(0, 1)) > 0)}


def packed_sprites(
    wanted: Mapping[str, tuple[Sprites, Collection[int]]], room: int
) -> dict[str, Any]:
    """Return for each layer a sheet of its wanted channels; all take about ``room`` characters."""
    count = sum(len(channels) for _, channels in wanted.values())
    packed = {}
    for layer, (sprites, channels) in wanted.items():
        listed = sorted(channels)
        if listed:
            tiles = np.stack([sprites.of(channel) for channel in listed])
            share = room * len(listed) // count
            packed[layer] = tile_sheet(tiles, share).plain() | {"channels": listed}
    return packed
