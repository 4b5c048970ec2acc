"""What logits are where only some positions are kept: of a layer, or of the input by its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image, ImageFilter

from blockscope.attribution.scores.cells import over_pixels
from blockscope.attribution.scores.curves import Evaluate
from blockscope.autodiff.batches import in_batches, logits_in_batches
from blockscope.autodiff.gradients import Gradients
from blockscope.models.network import Network

Floats = npt.NDArray[np.floating]

BLUR = 0.05  # standard deviation, as a share of the image's shorter side
GREY = 0.5


def stand_ins(pixels: npt.NDArray[np.uint8]) -> Mapping[str, Floats]:
    """Return what pixels of an image, uint8 (row, col, rgb), are replaced by, from 0 to 1.

    ``blur``: the image through a Gaussian of ``BLUR`` (Fong and Vedaldi 2017, Petsiuk et al. 2018);
    ``mean``: its mean colour; ``grey``: middle grey. Each of them leaves traces of its own.
    """
    shares = pixels / np.float32(255)
    radius = BLUR * min(pixels.shape[:2])
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))
    return {
        "blur": np.asarray(blurred) / np.float32(255),
        "mean": np.broadcast_to(shares.mean((0, 1)), shares.shape),
        "grey": np.full_like(shares, GREY),
    }


def in_layer(gradients: Gradients, indexes: Sequence[int], memory_mb: int = 2048) -> Evaluate:
    """Return logits where the other positions of a layer are zero, computed from the layer on."""
    return _replacing(gradients, np.zeros_like(gradients.value), indexes, memory_mb)


def in_input(
    network: Network,
    gradients: Gradients,
    stand_in: Floats,
    indexes: Sequence[int],
    memory_mb: int = 2048,
) -> Evaluate:
    """Return logits where the cells of the other positions are replaced in the input.

    ``gradients``: those of the network's input; ``stand_in``: one of `stand_ins`.
    """
    fed = np.asarray(network.spec.feed(stand_in[None]), gradients.value.dtype)[0]
    return _replacing(gradients, fed, indexes, memory_mb)


def _replacing(
    gradients: Gradients, other: Floats, indexes: Sequence[int], memory_mb: int
) -> Evaluate:
    value = gradients.value
    size = (value.shape[0], value.shape[1])

    def logits(kept: npt.NDArray[np.bool_]) -> tf.Tensor:
        whole = over_pixels(kept, size)[..., None]
        return gradients.values_at(np.where(whole, value, other).astype(value.dtype))

    def evaluate(kept: npt.NDArray[np.bool_]) -> Floats:
        batches = in_batches(kept, gradients.bytes_per_point, memory_mb)
        return logits_in_batches(logits, batches, indexes).astype(np.float64)

    return evaluate
