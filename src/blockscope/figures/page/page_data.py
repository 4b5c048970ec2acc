"""What the panels of a page put into its data: each its own part, and what several share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.page.quantization import PackedArray
from blockscope.figures.page.sprite_sheet import sprite_sheet
from blockscope.figures.style import Style
from blockscope.io import datasets

MapFiles = tuple[xr.Dataset, xr.Dataset, xr.Dataset]
"""Attribution of labels at the earlier and the later layer, and between their positions."""


@dataclass
class PageData:
    """The data of a page while its panels fill them.

    Attributes
    ----------
    run
        What the page is about.
    files
        Those of all its panels.
    style
        How the page looks at the start.
    image_room
        Characters that the images of sprites and cells may take together.
    sheet_room
        Characters that the sprites may take, and as many the cells of grids.
    maps
        By gradient override.
    channels
        By layer, 1 the earlier, 2 the later: see ``pack_channels``.
    activations
        By layer, (channel, row, col).
    sprites
        By layer: its spritemap, and the channels whose sprites are wanted.
    exemplars
        The same of exemplars.
    fixed_size
        Characters that sheets, and what else cannot lose bits, take so far.
    """

    run: RunRow
    files: PanelFiles
    style: Style
    image_room: int
    sheet_room: int
    maps: dict[str, MapFiles] = field(default_factory=dict)
    channels: dict[int, dict[str, object]] = field(default_factory=dict)
    activations: dict[str, PackedArray] = field(default_factory=dict)
    sprites: dict[str, tuple[Sprites, set[int]]] = field(default_factory=dict)
    exemplars: dict[str, tuple[Sprites, set[int]]] = field(default_factory=dict)
    fixed_size: int = 0
    _read: dict[str, xr.Dataset] = field(default_factory=dict)

    def read(self, path: str | os.PathLike[str]) -> xr.Dataset:
        """Read a result file, once for all panels."""
        key = os.fspath(path)
        if key not in self._read:
            self._read[key] = datasets.read(path)
        return self._read[key]

    @cached_property
    def labels(self) -> xr.Dataset:
        """The attribution that knows all labels and their probabilities."""
        return self.read(self.files.one("classes2"))

    @cached_property
    def contrast(self) -> Contrast:
        """The labels that the run compares."""
        return find_contrast(self.run.classes, self.labels)

    def add_activations(self, layer: str, values: Floats, bits: int) -> None:
        """Add activations (row, col, channel), with the most bits that any panel needs."""
        known = self.activations.get(layer)
        if known is None or known.bits < bits:
            self.activations[layer] = PackedArray(values.transpose(2, 0, 1), bits=bits)

    def add_pictures(
        self,
        layer: str,
        sprites: Sprites | None,
        exemplars: Sprites | None,
        channels: Iterable[int],
    ) -> None:
        """Ask for the sprites and exemplars of some channels, where the layer has any."""
        wanted = set(channels)
        for kind, sheet in ((self.sprites, sprites), (self.exemplars, exemplars)):
            if sheet is not None:
                kind.setdefault(layer, (sheet, set()))[1].update(wanted)

    def sheet(self, tiles: Pixels, room: int, wrap: int | None = None) -> dict[str, object]:
        """Return tiles (tile, row, col, rgb) on a sheet of about ``room`` characters, for JSON."""
        made = sprite_sheet(tiles, room, wrap)
        self.fixed_size += len(made.uri)
        return {"uri": made.uri, "side": made.side, "wrap": made.wrap, "count": made.count}
