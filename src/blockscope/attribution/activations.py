"""The values of one layer for one image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from blockscope.io.images import Pixels
from blockscope.models.network import Network


def activations(network: Network, image: Pixels, layer: str) -> npt.NDArray[np.float32]:
    """Return a layer's values (row, col, channel), float32, for an image uint8 (row, col, rgb).

    Cost: one forward pass as far as the layer.
    """
    values = network.values(image)
    return network.run({network.spec.tensor: values}, [layer])[layer].numpy()[0]
