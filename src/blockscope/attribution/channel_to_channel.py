"""The stage "drivers": which channels of a layer drive each channel of a later one."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.grad_x_activation import attribute_channels
from blockscope.attribution.layer_task import LayerTask
from blockscope.io import datasets


def named_drivers(attribution: npt.NDArray[np.float32]) -> xr.Dataset:
    """Name the axes of an attribution (channel2, channel1); units: layer2's activations."""
    note = {"long_name": "activation of layer1 times gradient of the sum of a channel of layer2"}
    axes = ("channel2", "channel1")
    return xr.Dataset({"attribution": (axes, datasets.as_float32(attribution), note)})


def write_drivers(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer1: str,
    layer2: str,
    override: str,
    output: str | os.PathLike[str],
    memory_mb: int,
) -> None:
    """Write the attribution between the channels of two layers as HDF5 (channel2, channel1).

    ``activations_path``: those of ``layer1``. Raises ``BadFile`` where layer 2 is not computed from
    layer 1, or values are not finite.
    """
    opened = LayerTask.read(
        graph_path, card_path, input_path, activations_path, layer1, override, layer2
    )
    found = attribute_channels(opened.linear(), memory_mb=memory_mb, progress=True)
    opened.check_finite("attribution", found)
    dataset = named_drivers(found)
    dataset.attrs = opened.record("drivers")
    datasets.write_h5(output, dataset)
