"""A network as ``export_torch`` leaves it: ``NAME.onnx``, and what PyTorch says in ``NAME.npz``.

TensorFlow and PyTorch crash together in one process, so that the two meet in files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.zoo.original import Array


class ExportedOriginal:
    """A network of another framework by its ONNX file."""

    def __init__(self, file: Path) -> None:
        """Read what the framework said of the network, beside its file."""
        self.file = file
        with np.load(file.with_suffix(".npz")) as saved:
            self._saved = {key: saved[key] for key in saved.files}
        self.preprocessing = str(self._saved["preprocessing"])
        self.size = self.image(0).shape[0]

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """Return an image, (row, col, rgb)."""
        return self._saved[f"{number}:image"]

    def logits(self, number: int) -> Array:
        """Return the logits of an image, (label)."""
        return self._saved[f"{number}:logits"]

    def activations(self, number: int) -> Iterable[tuple[str, Array]]:
        """Yield the maps that the logits depend on, in order: name, values (row, col, channel)."""
        for key, value in self._saved.items():
            if key.startswith(f"{number}:value:"):
                yield key.split(":", 2)[2], value

    def gradients(self, number: int, layer: str) -> Array:
        """Return the gradients of the first logits by a layer, (label, row, col, channel)."""
        return self._saved[f"{number}:gradients:{layer}"]

    def length_gradient(self, number: int, layer: str, later: str) -> Array | None:
        """Return the gradient of the length of a later layer's central vector by a layer."""
        return self._saved.get(f"{number}:length {later}:{layer}")

    def own_difference(self, number: int, layer: str) -> float:
        """Return how far the attributions are from those of the image moved by one rounding."""
        return float(self._saved[f"{number}:own:{layer}"])

    def seconds_per_label(self, layer: str) -> float:
        """Return what a forward pass and the gradient of one logit took."""
        return float(self._saved[f"seconds:{layer}"])
