"""What a page holds of channels and of neuron groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from blockscope.figures.arrays import Floats
from blockscope.figures.colour import factor_colours
from blockscope.figures.data.channels import LayerChannels
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.page.quantization import Bulk
from blockscope.figures.page.sprite_sheet import tile_sheet

DRIVERS = 12  # strongest channels of the earlier layer, kept for each of the later one
SPRITES = 20  # strongest channels of a method whose sprites are in the page, in either direction
GROUP_CHANNELS = 12  # strongest channels of each neuron group


def packed_channels(found: LayerChannels, classes: xr.DataArray) -> dict[str, Any]:
    """Return what the panels of channels show of one layer, for the pair of the run."""
    errors = [one.completeness_error for one in found.methods]
    return {
        "layer": found.layer,
        "method": [one.method for one in found.methods],
        "attribution": Bulk(np.stack([one.values for one in found.methods])),
        "sum": [one.total for one in found.methods],
        "completeness": [error if np.isfinite(error) else None for error in errors],
        "steps": [one.steps for one in found.methods],
        "rise": found.rise,
        "classes": Bulk(classes.transpose("label", "channel").to_numpy()),
    }


def strongest_of(found: LayerChannels) -> set[int]:
    """Return the channels that the panels of channels begin with."""
    return {
        int(channel)
        for method in found.methods
        for channel in np.concatenate(method.strongest(SPRITES))
    }


def packed_drivers(attribution: xr.DataArray) -> dict[str, Any]:
    """Return the strongest channels of layer 1 for each of layer 2, the strongest first."""
    values = attribution.transpose("channel2", "channel1").to_numpy()
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :DRIVERS]
    return {
        "channel": order.tolist(),
        "value": Bulk(np.take_along_axis(values, order, axis=1)),
    }


def packed_neurons(groups: xr.Dataset, pictures: Sprites | None, room: int) -> dict[str, Any]:
    """Return where each group is, its strongest channels, and its effects on all labels.

    ``pictures``, tile n that of group n, take about ``room`` characters.
    """
    spatial = groups["spatial"].transpose("factor", "row", "col").to_numpy()
    vectors = groups["channels"].transpose("factor", "channel").to_numpy()
    order = np.argsort(-vectors, axis=1, kind="stable")[:, :GROUP_CHANNELS]
    strongest: Floats = np.take_along_axis(vectors, order, axis=1)
    sheet = {}
    if pictures is not None:
        tiles = np.stack([pictures.of(group) for group in range(len(spatial))])
        sheet = {"sheet": tile_sheet(tiles, room).plain()}
    return sheet | {
        "layer": str(groups.attrs["layer"]),
        "spatial": Bulk(spatial),
        "channels": {"channel": order.tolist(), "value": strongest.tolist()},
        "magnitude": groups["magnitude"].to_numpy().tolist(),
        "effect": Bulk(groups["effect"].transpose("factor", "label").to_numpy()),
        "colours": factor_colours(len(spatial)),
        "relative_error": float(groups.attrs["relative_error"]),
    }
