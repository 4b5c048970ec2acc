"""Where the nodes and bands of a flow lie from top to bottom, for print and page alike.

From left to right each medium has its own places. All lengths have the unit of those given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.figures.data.flow import Diagram

FULL = 6.0  # tiles: the sum of all bands of the column that has most


@dataclass(frozen=True)
class Sizes:
    """Side of a group's tile, height of a line of text above it and of a label's words, space."""

    tile: float
    line: float
    label: float
    gap: float


@dataclass(frozen=True)
class PlacedNode:
    """Top of the node with its words, and the middle and height of what is below these."""

    top: float
    middle: float
    height: float
    entering: float
    leaving: float


@dataclass(frozen=True)
class PlacedBand:
    """Top at either end, and the thickness."""

    start: float
    end: float
    thickness: float


@dataclass(frozen=True)
class FlowLayout:
    """Nodes and bands in the order of a diagram's.

    ``entering`` and ``leaving`` of a node are
    the heights of its bands together, which lie about its middle.
    """

    nodes: tuple[PlacedNode, ...]
    bands: tuple[PlacedBand, ...]
    height: float


def arrange(diagram: Diagram, sizes: Sizes) -> FlowLayout:
    """Place the nodes of each column below one another, about the middle of the diagram.

    A node is as high as the larger of what enters and what leaves it, in absolute values, and at
    least as its tile. Bands leave and enter a node in the order of the nodes at their other ends.
    """
    count = len(diagram.nodes)
    entering, leaving = np.zeros(count), np.zeros(count)
    for band in diagram.bands:
        leaving[band.source] += abs(band.value)
        entering[band.target] += abs(band.value)
    column = np.array([node.column for node in diagram.nodes])
    totals = [np.maximum(entering, leaving)[column == c].sum() for c in range(diagram.columns)]
    scale = FULL * sizes.tile / (max(totals) or 1.0)
    entering, leaving = scale * entering, scale * leaving
    words = np.array([_lines(node.kind) * sizes.line for node in diagram.nodes])
    needed = {"group": sizes.tile, "label": sizes.label}
    least = np.array([needed.get(node.kind, 0.0) for node in diagram.nodes])
    heights = np.maximum(np.maximum(entering, leaving), least)
    spans = words + heights + sizes.gap
    whole = max(spans[column == c].sum() for c in range(diagram.columns)) - sizes.gap
    tops = np.zeros(count)
    for c in range(diagram.columns):
        own = column == c
        start = (whole - spans[own].sum() + sizes.gap) / 2
        tops[own] = start + np.cumsum(spans[own]) - spans[own]
    middles = tops + words + heights / 2
    nodes = zip(tops, middles, heights, entering, leaving, strict=True)
    starts, ends = middles - leaving / 2, middles - entering / 2
    placed: dict[int, PlacedBand] = {}
    # Nodes are in order from top to bottom, so bands in the order of both ends never cross there.
    by_target = sorted(range(len(diagram.bands)), key=lambda i: diagram.bands[i].target)
    start_of = {}
    for i in by_target:
        band = diagram.bands[i]
        start_of[i] = starts[band.source]
        starts[band.source] += scale * abs(band.value)
    for i in sorted(range(len(diagram.bands)), key=lambda i: diagram.bands[i].source):
        band = diagram.bands[i]
        thickness = scale * abs(band.value)
        placed[i] = PlacedBand(float(start_of[i]), float(ends[band.target]), float(thickness))
        ends[band.target] += thickness
    return FlowLayout(
        tuple(PlacedNode(*map(float, numbers)) for numbers in nodes),
        tuple(placed[i] for i in range(len(diagram.bands))),
        float(whole),
    )


def _lines(kind: str) -> int:
    """Return the lines of text above a node: a label's stand beside it."""
    return {"group": 1, "label": 0}.get(kind, 2)
