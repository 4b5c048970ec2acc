"""The stage "activations": the values of one layer for one image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.activations import activations
from blockscope.attribution.finite import check_finite
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.images import read_png
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network


def write_activations(
    *, graph: FilePath, card: FilePath, image: FilePath, layer: str, output: FilePath
) -> None:
    """Write a layer's activations as zarr: ``activations`` (row, col, channel).

    Raises ``BadFile`` if they are not finite.
    """
    model = ModelCard.read(card)
    model.layer(layer)
    pixels, facts = read_png(image)
    values = datasets.as_float32(activations(Network.load(graph, model), pixels, layer))
    check_finite(f"activation of layer '{layer}' of model '{model.model}'", values)
    named = xr.DataArray(
        values,
        dims=("row", "col", "channel"),
        attrs={"long_name": f"activations of {layer}", "units": "1"},
    )
    origin = provenance.record(
        "activations", software_facts(), **provenance.inherited(facts), layer=layer
    )
    datasets.write_zarr(output, xr.Dataset({"activations": named}, attrs=origin))


def read_activations(path: FilePath, origin: Mapping[str, object]) -> npt.NDArray[np.float32]:
    """Return a file's activations, (row, col, channel), float32.

    Raises ``BadFile`` where its facts are not those of ``origin``.
    """
    found = datasets.read(path)
    provenance.check_origin(found.attrs, path, origin)
    return found["activations"].transpose("row", "col", "channel").to_numpy()
