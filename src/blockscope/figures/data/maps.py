"""Attribution maps of two layers under one gradient."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats
from blockscope.figures.data.contrasts import Contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.io import datasets

KINDS = ("classes1", "classes2", "positions")
"""The files that hold the maps of one gradient."""


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

    Attributes
    ----------
    override
        The gradient.
    labels
        For the earlier and the later layer: the attribution of both labels, two arrays (row, col)
        in logits; zeros where there is no second label.
    positions
        (row2, col2, row1, col1), in units of the later layer's activations.
    """

    override: str
    labels: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
    positions: Floats

    @classmethod
    def of_run(cls, run: RunRow, contrast: Contrast, files: PanelFiles) -> Maps:
        """Read the maps of the run's own gradient; raises what `of_files` raises."""
        paths = {kind: files.one(kind) for kind in KINDS}
        return cls.of_files(run, contrast, paths, run.override)

    @classmethod
    def of_files(
        cls,
        run: RunRow,
        contrast: Contrast,
        paths: Mapping[str, str | os.PathLike[str]],
        override: str | None = None,
    ) -> Maps:
        """Read one file for each of ``KINDS``; without ``override``, of the gradient they are of.

        Raises ``BadFile`` where they are not of one gradient, or not of the model, the image and
        the gradient of the run.
        """
        found = {kind: datasets.read(paths[kind]) for kind in KINDS}
        override = override or str(found["positions"].attrs.get("override"))
        wanted = {"model": run.model, "image": run.image, "override": override}
        for kind, dataset in found.items():
            check_origin(run, dataset, paths[kind], wanted)
        positions = found["positions"]["attribution"].transpose("row2", "col2", "row1", "col1")
        return cls(
            override,
            (contrast.maps(found["classes1"]), contrast.maps(found["classes2"])),
            positions.to_numpy(),
        )

    def strongest(self, layer: int, label: int) -> Cell:
        """Return the position of a layer (0, 1) that supports a label (0, 1) most, not the other.

        It has the largest difference of both labels' positive attributions: a position that
        supports both is not an example, nor is one that only opposes the other.
        """
        own, other = self.labels[layer][label], self.labels[layer][1 - label]
        difference = np.maximum(own, 0) - np.maximum(other, 0)
        row, col = np.unravel_index(int(difference.argmax()), difference.shape)
        return Cell(int(row), int(col))

    def supports(self, layer: int, label: int) -> bool:
        """Tell whether any position of a layer supports a label."""
        return bool((self.labels[layer][label] > 0).any())

    def sources(self, cell: Cell) -> Floats:
        """Return how much each position of the earlier layer contributes to one of the later."""
        found: Floats = self.positions[cell.row, cell.col]
        return found

    def targets(self, cell: Cell) -> Floats:
        """Return how much one position of the earlier layer contributes to each of the later."""
        return self.positions[:, :, cell.row, cell.col]


def grid_words(values: NDArray[np.generic]) -> str:
    """Return the rows and columns of a map (row, col, ...) as text."""
    return f"{values.shape[0]} \N{MULTIPLICATION SIGN} {values.shape[1]}"
