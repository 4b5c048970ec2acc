"""Synthetic files of a contact sheet: sprites of flat colours, activations, an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.io import datasets, images, provenance
from blockscope.stages.figures.contact_sheet import write_contact_sheet

MODEL = {"model": "tiny", "graph_sha256": "ab" * 32}
IMAGE = {"image": "noise", "image_sha256": "cd" * 32}
LAYER = {"layer": "mixed"}
COUNT, SIDE, GRID, INPUT = 23, 16, (5, 7), (40, 56)


def colours(count: int) -> NDArray[np.uint8]:
    """A colour of its own for each sprite, uint8 (sprite, rgb), far from its neighbours'."""
    n = np.arange(count)
    return np.stack([40 + 67 * n % 176, 40 + 109 * n % 176, 40 + 31 * n % 176], 1).astype(np.uint8)


@dataclass
class SyntheticContact:
    """Arrays of a contact sheet, to be changed before they are written into a folder."""

    folder: Path
    rng: np.random.Generator
    count: int = COUNT
    grid: tuple[int, int] = GRID
    facts: dict[str, Any] = field(default_factory=dict)  # of the activations
    sprite_facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (self.count, SIDE, SIDE, 3)
        self.pixels = np.broadcast_to(colours(self.count)[:, None, None], shape).copy()
        self.objective = self.rng.gamma(3, 2, self.count).astype("f4")
        self.heldout_objective = self.rng.gamma(3, 2, self.count).astype("f4")
        self.diverged_step = np.full(self.count, -1)
        self.numbers = np.arange(self.count)
        values = self.rng.normal(-0.2, 3, (*self.grid, self.count))
        self.activations = np.maximum(values, 0).astype("f4")
        self.activations[..., 4] = 0
        self.unit = "channel"
        self.page = self.folder / "mixed.html"
        self.exemplars: list[Path] = []
        self.channel_page: Path | None = None

    @property
    def sprites(self) -> Path:
        return self.folder / "mixed.zarr.zip"

    @property
    def active(self) -> Path:
        return self.folder / "active.zarr.zip"

    @property
    def image(self) -> Path:
        return self.folder / "input.png"

    def write_sprites(self) -> None:
        names = ("objective", "heldout_objective", "diverged_step")
        each = {name: ("sprite", getattr(self, name)) for name in names}
        pixels = {"sprites": (("sprite", "row", "col", "rgb"), self.pixels)}
        recipe: dict[str, Any] = {"unit": self.unit, "recipe": "draft", "size": SIDE, "steps": 64}
        facts = provenance.record("spritemap", **(MODEL | LAYER | recipe | self.sprite_facts))
        dataset = xr.Dataset(pixels | each, {"sprite": self.numbers}, facts)
        datasets.write_zarr(self.sprites, dataset)

    def write_image(self) -> None:
        facts = provenance.record("activations", **(MODEL | IMAGE | LAYER | self.facts))
        named = {"activations": (("row", "col", "channel"), self.activations)}
        datasets.write_zarr(self.active, xr.Dataset(named, attrs=facts))
        shown = self.rng.integers(0, 256, (*INPUT, 3), np.uint8)
        images.write_png(self.image, shown, provenance.record("input", **MODEL, **IMAGE))

    def write(self, with_image: bool = True) -> Path:
        """Write all files, and the page."""
        self.write_sprites()
        response = {}
        if with_image:
            self.write_image()
            response = {"activations": self.active, "image": self.image}
        write_contact_sheet(
            output=self.page,
            sprites=self.sprites,
            exemplars=self.exemplars,
            channel_page=self.channel_page,
            **response,
        )
        return self.page
