"""The directions of neuron groups, from their file, for stages that need no attribution.

Apart from the stage that makes them: its code would count for these too, and sprites would be
rendered again with every change of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.provenance import check_origin
from blockscope.models.card import ModelCard


def read_directions(path: FilePath, card: ModelCard, layer: str) -> npt.NDArray[np.floating]:
    """Read the channels of neuron groups, (factor, channel), of a layer at any image.

    Raises ``BadFile`` where they are of another network or layer.
    """
    found = datasets.read(path)
    check_origin(found.attrs, path, {"graph_sha256": card.graph_sha256, "layer": layer})
    channels: npt.NDArray[np.floating] = found["channels"].transpose("factor", "channel").to_numpy()
    return channels


def read_unit_directions(path: FilePath, card: ModelCard, layer: str) -> npt.NDArray[np.float32]:
    """Read the same, (channel, factor), scaled to length 1; a group that is zero stays zero."""
    vectors = read_directions(path, card, layer).T
    lengths = np.linalg.norm(vectors, axis=0)
    return datasets.as_float32(vectors / np.where(lengths > 0, lengths, 1))
