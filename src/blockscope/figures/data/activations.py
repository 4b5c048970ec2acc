"""Which channels of a layer are active at each position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.maps import Cell
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.figures.data.sprites import Sprites, read_exemplar_sheet, read_sprites
from blockscope.io import datasets, images

STRONG = 0.5  # of the longest activation vector: shorter ones are not chosen


@dataclass(frozen=True)
class LayerActivations:
    """The channels of the earlier layer of a run.

    Attributes
    ----------
    run
        The run.
    pixels
        The input as the network sees it.
    activations
        (row, col, channel).
    sprites
        The layer's spritemap, or None.
    exemplars
        The sheet of its exemplars, or None.
    """

    run: RunRow
    pixels: Pixels
    activations: Floats
    sprites: Sprites | None = None
    exemplars: Sprites | None = None

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> LayerActivations:
        """Read the files of a run.

        Raises ``BadFile`` where the activations are of another model, image or layer, and what
        `read_sprites` raises.
        """
        path = files.one("activations1")
        found = datasets.read(path)
        wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
        check_origin(run, found, path, wanted)
        pixels, _ = images.read_png(files.one("image"))
        values = found["activations"].transpose("row", "col", "channel").to_numpy()
        sprites = read_sprites(files.many("sprites1"), values.shape[2])
        exemplars = read_exemplar_sheet(files.many("exemplars1"), values.shape[2])
        return cls(run, pixels, values, sprites, exemplars)

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
