"""The stage "activations": the values of one layer for one picture."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.io import datasets, provenance
from blockscope.io.images import Pixels, read_input
from blockscope.models.card import ModelCard
from blockscope.models.network import Network


def activations(network: Network, picture: Pixels, layer: str) -> npt.NDArray[np.float32]:
    """Return a layer's values (row, col, channel), float32, for a picture uint8 (row, col, rgb).

    The cost is one forward pass as far as the layer.
    """
    values = network.values(picture)
    return network.run({network.spec.tensor: values}, [layer])[layer].numpy()[0]


def write_activations(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    layer: str,
    output: str | os.PathLike[str],
) -> None:
    """Write a layer's activations as zarr: ``activations`` (row, col, channel)."""
    card = ModelCard.read(card_path)
    card.layer(layer)
    picture, facts = read_input(input_path)
    array = activations(Network.load(graph_path, card), picture, layer)
    named = xr.DataArray(
        datasets.as_float32(array),
        dims=("row", "col", "channel"),
        attrs={"long_name": f"activations of {layer}", "units": "1"},
    )
    origin = provenance.record("activations", **provenance.inherited(facts), layer=layer)
    datasets.write_zarr(output, xr.Dataset({"activations": named}, attrs=origin))


def read_activations(path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
    """Read back (row, col, channel) float32."""
    return datasets.read(path)["activations"].transpose("row", "col", "channel").to_numpy()
