"""What is known of a network from its own framework, without a line of blockscope."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
LABELS = 1000
COMPARED = 10  # of the labels, the first, each by a pass of the original
TOLERANCE = 1e-3  # of the completeness error, as the default config has it
IMAGES = 3  # a network is tried on the next image where a unit at the kink of a ReLU spoils one


class Original(Protocol):
    """A network with random weights in its own framework."""

    file: Path
    preprocessing: str
    size: int

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """Return an image, (row, col, rgb)."""

    def logits(self, number: int) -> Array:
        """Return the logits of an image, (label)."""

    def activations(self, number: int) -> Iterable[tuple[str, Array]]:
        """Yield the maps that the logits depend on, in order: name, values (row, col, channel)."""

    def gradients(self, number: int, layer: str) -> Array:
        """Return the gradients of the first logits by a layer, (label, row, col, channel)."""

    def length_gradient(self, number: int, layer: str, later: str) -> Array | None:
        """Return the gradient of the length of a later layer's central vector by a layer.

        (row, col, channel); None where the framework was not asked for it.
        """

    def own_difference(self, number: int, layer: str) -> float:
        """Return how far the attributions are from those of the image moved by one rounding.

        Relative to the largest attribution.
        """


def noise(number: int, size: int) -> npt.NDArray[np.uint8]:
    """Return an image of noise with coarse and fine structure, (row, col, rgb)."""
    rng = np.random.default_rng(number)
    coarse = np.kron(rng.uniform(0, 128, (8, 8, 3)), np.ones((-(-size // 8), -(-size // 8), 1)))
    return (coarse[:size, :size] + rng.uniform(0, 127, (size, size, 3))).astype(np.uint8)


def difference(found: Array, expected: Array) -> float:
    """Return the largest difference relative to the largest expected value; infinity for none."""
    largest = np.abs(expected).max()
    error = float(np.abs(found - expected).max() / largest) if largest else math.inf
    return error if math.isfinite(error) else math.inf


def attribution(gradients: Array, values: Array) -> Array:
    """Return gradient times activation summed over channels, (label, row, col)."""
    return np.einsum("lrcx,rcx->lrc", gradients, values)
