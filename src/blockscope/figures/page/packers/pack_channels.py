"""Attribution to channels for a page, with what drives the channels of the later layer."""

from __future__ import annotations

import numpy as np
import xarray as xr

from blockscope.config.panels import Panel
from blockscope.figures import captions
from blockscope.figures.data.channels import LayerChannels, read_layer
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray

DRIVERS = 12  # strongest channels of the earlier layer, kept for each of the later one
SPRITES = 20  # strongest channels of a method whose sprites are in the page, in either direction
BITS = 8  # of activations that only maps show


def pack_channels(page: PageData, panel: Panel) -> dict[str, object]:
    """Add the channels of the layers that the panel shows, and return what drives them."""
    for place in (1, 2):
        if f"channels{place}" in panel.inputs and place not in page.channels:
            _add_layer(page, place)
    if "drivers" not in panel.page_inputs:
        return {}
    return {"drivers": _drivers(page.read(page.files.one("drivers"))["attribution"])}


def _add_layer(page: PageData, place: int) -> None:
    found = read_layer(page.run, page.files, place, page.contrast)
    labels = page.read(page.files.one(f"channels{place}"))["label_attribution"]
    page.channels[place] = _packed(found, labels)
    page.add_activations(found.layer, found.activations, BITS)
    page.add_pictures(found.layer, found.sprites, found.exemplars, _strongest(found))


def _packed(found: LayerChannels, labels: xr.DataArray) -> dict[str, object]:
    errors = [one.completeness_error for one in found.methods]
    return {
        "layer": found.layer,
        "method": [one.method for one in found.methods],
        "meaning": [captions.method_caption(one.method) for one in found.methods],
        "attribution": PackedArray(np.stack([one.values for one in found.methods])),
        "sum": [one.total for one in found.methods],
        "completeness": [error if np.isfinite(error) else None for error in errors],
        "steps": [one.steps for one in found.methods],
        "rise": found.rise,
        "label_attribution": PackedArray(labels.transpose("label", "channel").to_numpy()),
    }


def _strongest(found: LayerChannels) -> set[int]:
    """Return the channels that the panels start with."""
    return {
        int(channel)
        for method in found.methods
        for channel in np.concatenate(method.strongest(SPRITES))
    }


def _drivers(attribution: xr.DataArray) -> dict[str, object]:
    """Return the strongest channels of layer 1 for each of layer 2, the strongest first."""
    values = attribution.transpose("channel2", "channel1").to_numpy()
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :DRIVERS]
    return {
        "channel": order.tolist(),
        "value": PackedArray(np.take_along_axis(values, order, axis=1)),
    }
