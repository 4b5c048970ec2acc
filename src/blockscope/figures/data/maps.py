"""Attribution maps of two layers under one gradient, and placing a map over the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blockscope.figures import colour
from blockscope.figures.data.origin import check_origin
from blockscope.figures.data.request import Asked, Contrast
from blockscope.figures.image_encoding import enlarge, laid_over, printed_size
from blockscope.figures.palettes import palettes
from blockscope.figures.print.sheet import Sheet
from blockscope.figures.style import Style
from blockscope.io import datasets

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
OUTLINE_PT = 1.1


class Cell(NamedTuple):
    """A position of a layer, from 0."""

    row: int
    col: int

    def __str__(self) -> str:
        """Return row and column as people count them."""
        return f"row {self.row + 1}, column {self.col + 1}"


@dataclass(frozen=True)
class Maps:
    """What one gradient says about two layers.

    labels      for the earlier and the later layer: the attribution of both labels, two arrays
                (row, col) in logits; zeros where there is no second label
    positions   float (row2, col2, row1, col1), in units of the later layer's activations
    """

    override: str
    labels: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
    positions: Floats

    @classmethod
    def from_files(
        cls, asked: Asked, pair: Contrast, paths: Mapping[str, Any], override: str | None = None
    ) -> Maps:
        """Read "classes1", "classes2" and "positions"; None takes the gradient that they are of.

        Raises ``BadFile`` where they are not of one gradient, or not of the model, the image and
        the gradient that are asked.
        """
        found = {name: datasets.read(paths[name]) for name in ("classes1", "classes2", "positions")}
        override = override or str(found["positions"].attrs.get("override"))
        wanted = {"model": asked.model, "image": asked.image, "override": override}
        for name, dataset in found.items():
            check_origin(asked, dataset, paths[name], wanted)
        positions = found["positions"]["attribution"].transpose("row2", "col2", "row1", "col1")
        return cls(
            override,
            (pair.maps(found["classes1"]), pair.maps(found["classes2"])),
            positions.to_numpy(),
        )

    def strongest(self, layer: int, label: int) -> Cell:
        """Return the position of a layer (0, 1) that speaks most for a label (0, 1), not the other.

        That of the largest difference of what speaks for both: a position that speaks for either is
        no example, nor is one that only speaks against the other.
        """
        own, other = self.labels[layer][label], self.labels[layer][1 - label]
        difference = np.maximum(own, 0) - np.maximum(other, 0)
        row, col = np.unravel_index(int(difference.argmax()), difference.shape)
        return Cell(int(row), int(col))

    def sources(self, cell: Cell) -> Floats:
        """Return how much each position of the earlier layer counts for one of the later."""
        found: Floats = self.positions[cell.row, cell.col]
        return found

    def targets(self, cell: Cell) -> Floats:
        """Return how much one position of the earlier layer counts for each of the later."""
        return self.positions[:, :, cell.row, cell.col]


def grid_words(values: NDArray[Any]) -> str:
    """Return the rows and columns of a map (row, col) as text."""
    return f"{values.shape[0]} \N{MULTIPLICATION SIGN} {values.shape[1]}"


def hint_overlay(maps: Maps, layer: int) -> Picture:
    """Return the two-label picture of a layer (0, 1), uint8 (row, col, rgb)."""
    return colour.hints(*maps.labels[layer])


def signed_overlay(values: Floats) -> Picture:
    """Return a map (row, col) in the colours of one signed number, on a scale of its own."""
    return next(iter(palettes().values())).paint(values)


@dataclass(frozen=True)
class Place:
    """Where a picture stands on a sheet: mm from the left and from the top, and its width."""

    left: float
    top: float
    width: float

    def height(self, picture: Picture) -> float:
        """Return the height that a picture (row, col, rgb) has at this width."""
        return float(self.width * picture.shape[0] / picture.shape[1])


def place_picture(sheet: Sheet, place: Place, picture: Picture, style: Style) -> None:
    """Place the input as it is."""
    size = printed_size(place.width, picture, style.dpi)
    shown = enlarge(picture, size, smooth=True)
    sheet.raster(place.left, place.top, place.width, place.height(picture), shown)


def place_overlay(
    sheet: Sheet, place: Place, picture: Picture, overlay: Picture, style: Style
) -> None:
    """Place the input with a layer's picture over it."""
    size = printed_size(place.width, picture, style.dpi)
    shown = laid_over(picture, overlay, size, style.opacity, style.smooth)
    sheet.raster(place.left, place.top, place.width, place.height(picture), shown)


def outline_cell(
    sheet: Sheet, place: Place, picture: Picture, cell: Cell, grid: tuple[int, int], colour: str
) -> None:
    """Draw the border of one cell of a grid that covers the picture."""
    width, height = place.width / grid[1], place.height(picture) / grid[0]
    left, top = place.left + cell.col * width, place.top + cell.row * height
    # A line of colour between two light ones is seen on any ground.
    sheet.outline(left, top, width, height, "#ffffff", OUTLINE_PT + 1.2)
    sheet.outline(left, top, width, height, colour, OUTLINE_PT)
