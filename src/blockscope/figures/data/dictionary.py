"""What the panel "semantic dictionary" shows: the channels that are active at each position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures.data.maps import Cell
from blockscope.figures.data.origin import check_origin
from blockscope.figures.data.request import Asked
from blockscope.figures.data.sprites import Sprites, read_sprites
from blockscope.io import datasets, images

Floats = NDArray[np.floating]

STRONG = 0.5  # of the longest activation vector: what is shorter is no example


@dataclass(frozen=True)
class DictionaryPanel:
    """The channels of the earlier layer of a run.

    picture      uint8 (row, col, rgb), the input as the network sees it
    activations  float (row, col, channel)
    sprites      the layer's spritemap, or None
    """

    asked: Asked
    picture: NDArray[np.uint8]
    activations: Floats
    sprites: Sprites | None = None

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any]) -> DictionaryPanel:
        """Read the files of a run.

        Raises ``BadFile`` where the activations are of another model, image or layer, and what
        `read_sprites` raises.
        """
        found, layer = datasets.read(files["activations1"]), asked.layer1
        wanted = {"model": asked.model, "image": asked.image, "layer": layer}
        check_origin(asked, found, files["activations1"], wanted)
        picture, _ = images.read_input(files["picture"])
        values = found["activations"].transpose("row", "col", "channel").to_numpy()
        sprites = read_sprites(files["sprites1"], values.shape[2])
        return cls(asked, picture, values, sprites)

    def strongest(self, cell: Cell, count: int) -> tuple[int, ...]:
        """Return up to ``count`` channels that are active at a position, the strongest first."""
        own = self.activations[cell]
        order = np.argsort(-own, kind="stable")[:count]
        return tuple(int(channel) for channel in order if own[channel] > 0)


def representative_positions(activations: Floats, count: int) -> tuple[Cell, ...]:
    """Choose positions that are strong and unlike each other, from activations (row, col, channel).

    First the position of the longest activation vector. Then, of those at least half as long, the
    one whose largest cosine with any chosen vector is least, again and again. Up to ``count``; none
    of a layer that is zero everywhere.
    """
    rows, cols, _ = activations.shape
    vectors = activations.reshape(rows * cols, -1).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    strong = np.flatnonzero((lengths >= STRONG * lengths.max()) & (lengths > 0))
    if not len(strong):
        return ()
    directions = vectors[strong] / lengths[strong, None]
    chosen = [int(lengths[strong].argmax())]
    alike = np.full(len(strong), -np.inf)
    while len(chosen) < min(count, len(strong)):
        alike = np.maximum(alike, directions @ directions[chosen[-1]])
        alike[chosen[-1]] = np.inf
        chosen.append(int(alike.argmin()))
    return tuple(Cell(*divmod(int(strong[place]), cols)) for place in chosen)
