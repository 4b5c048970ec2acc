"""Does an attribution lie on its object? Drawn scenes, whose masks are known, can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.bool_]
Map = npt.NDArray[np.floating]


def coverage(masks: Masks, cells: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the share of each cell's pixels that belong to each block.

    Parameters
    ----------
    masks
        The pixels of each block, (block, row, col).
    cells
        Rows and columns of a layer. They must divide the image evenly, as 28, 14 and 7 divide 224.

    Returns
    -------
    Shares (block, row, col), 0..1.
    """
    blocks, rows, cols = masks.shape
    height, width = rows // cells[0], cols // cells[1]
    if (rows, cols) != (height * cells[0], width * cells[1]):
        raise ValueError(f"{rows} x {cols} pixels do not divide into {cells[0]} x {cells[1]} cells")
    split = masks.reshape(blocks, cells[0], height, cells[1], width)
    return np.asarray(split.mean((2, 4), dtype=np.float64))


def share_on(positive: Map, covered: npt.NDArray[np.float64]) -> float:
    """Return the share of a non-negative map (row, col) that lies on one block's pixels, 0..1.

    A cell's value is spread evenly over its pixels. NaN for an empty map.
    """
    total = float(positive.sum())
    return float((positive * covered).sum()) / total if total > 0 else float("nan")


def chance(covered: npt.NDArray[np.float64]) -> float:
    """Return the share that a uniform map puts on a block: the block's part of the image."""
    return float(covered.mean())


def separation(factors: Map, covered: npt.NDArray[np.float64]) -> float:
    """Return how well two factors (row, col, factor) separate two blocks: 0.5 not at all, 1 fully.

    Of what a factor puts on either block, this is the share on its own block, averaged over the two
    factors, for the better of both assignments of factors to blocks.
    """
    mass = np.einsum("rcf,brc->fb", factors, covered)
    totals = mass.sum(axis=1, keepdims=True)
    shares = np.divide(mass, totals, out=np.full_like(mass, 0.5), where=totals > 0)
    return float(max(shares[0, 0] + shares[1, 1], shares[0, 1] + shares[1, 0]) / 2)


def strongest_cell(attribution: Map, covered: npt.NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the cell (row, col) of largest attribution among those mostly on the label's block.

    Parameters
    ----------
    attribution
        Attribution to the label, (row, col).
    covered
        Share of each cell that the block covers, (row, col).

    Returns
    -------
    None if the block covers no cell by more than half.
    """
    inside = covered > 0.5
    if not inside.any():
        return None
    row, col = np.unravel_index(np.where(inside, attribution, -np.inf).argmax(), attribution.shape)
    return int(row), int(col)


def cells_under(cell: tuple[int, int], coarse: tuple[int, int], fine: tuple[int, int]) -> Map:
    """Return a map of the finer layer that is 1 on the cells under one coarse cell, 0 elsewhere.

    The baseline of attribution between positions: what the cell's place tells without a gradient.
    ``coarse`` and ``fine`` are rows and columns, the latter multiples of the former.
    """
    alone = np.zeros(coarse)
    alone[cell] = 1
    return np.kron(alone, np.ones((fine[0] // coarse[0], fine[1] // coarse[1])))


def strongest_map(activations: Map, values: Map, count: int) -> Map:
    """Return the activations of the strongest channels, weighted by attribution and summed.

    Parameters
    ----------
    activations
        Activations after a ReLU, (row, col, channel).
    values
        Attribution of each channel. Negate it to get the channels that lower the score.
    count
        Number of channels of largest positive attribution to take.

    Returns
    -------
    Weighted sum (row, col).
    """
    chosen = np.argsort(-values, kind="stable")[:count]
    return activations[..., chosen] @ np.maximum(values[chosen], 0)


def summary(shares: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error of shares; NaN is left out."""
    known = np.array([share for share in shares if not np.isnan(share)])
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
