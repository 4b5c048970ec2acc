"""Does an attribution lie on the object that it is about? On drawn scenes that can be measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.bool_]
Map = npt.NDArray[np.floating]


def coverage(masks: Masks, cells: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the share of each cell's pixels that belong to each block, (block, row, col), 0..1.

    ``masks`` (block, row, col) in pixels; ``cells`` the rows and columns of a layer, whose cells
    divide the picture evenly (a picture of 224 pixels has layers of 28, 14 and 7 cells).
    """
    blocks, rows, cols = masks.shape
    height, width = rows // cells[0], cols // cells[1]
    if (rows, cols) != (height * cells[0], width * cells[1]):
        raise ValueError(f"{rows} x {cols} pixels do not divide into {cells[0]} x {cells[1]} cells")
    split = masks.reshape(blocks, cells[0], height, cells[1], width)
    return np.asarray(split.mean((2, 4), dtype=np.float64))


def share_on(positive: Map, covered: npt.NDArray[np.float64]) -> float:
    """Return the share of a non-negative map (row, col) that lies on one block's pixels, 0..1.

    Each cell's value counts as spread evenly over its pixels. An empty map has no share: NaN.
    """
    total = float(positive.sum())
    return float((positive * covered).sum()) / total if total > 0 else float("nan")


def chance(covered: npt.NDArray[np.float64]) -> float:
    """Return the share that a map without preference puts on a block: its part of the picture."""
    return float(covered.mean())


def separation(factors: Map, covered: npt.NDArray[np.float64]) -> float:
    """Return how well two factors tell two blocks apart: 0.5 not at all, 1 completely.

    ``factors`` (row, col, factor) non-negative, ``covered`` (block, row, col), two of each. Of
    what each factor puts on either block, the share that lies on the one it stands for; the
    better of both ways to pair factors with blocks, the mean over the two factors.
    """
    mass = np.einsum("rcf,brc->fb", factors, covered)
    totals = mass.sum(axis=1, keepdims=True)
    shares = np.divide(mass, totals, out=np.full_like(mass, 0.5), where=totals > 0)
    return float(max(shares[0, 0] + shares[1, 1], shares[0, 1] + shares[1, 0]) / 2)


def speaking_cell(speaks: Map, covered: npt.NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the cell, (row, col), that speaks most for a label, of those mostly on its block.

    ``speaks`` (row, col): attribution to the label; ``covered`` (row, col): one block's share of
    each cell. None where the block has no cell of which it covers more than half.
    """
    inside = covered > 0.5
    if not inside.any():
        return None
    row, col = np.unravel_index(np.where(inside, speaks, -np.inf).argmax(), speaks.shape)
    return int(row), int(col)


def behind(cell: tuple[int, int], coarse: tuple[int, int], fine: tuple[int, int]) -> Map:
    """Return a map (row, col) of the finer layer that is 1 on the cells behind one of the coarse.

    What follows from the cell's place alone, without any gradient. ``coarse``, ``fine``: rows and
    columns of the layers, the latter a multiple of the former.
    """
    alone = np.zeros(coarse)
    alone[cell] = 1
    return np.kron(alone, np.ones((fine[0] // coarse[0], fine[1] // coarse[1])))


def strongest_map(activations: Map, values: Map, count: int) -> Map:
    """Return where the strongest channels are active, (row, col), each weighed by its value.

    Sum over the ``count`` channels of largest positive value of value times activation;
    ``activations`` (row, col, channel), from a ReLU; ``values`` (channel): attribution. To see the
    channels that speak against, give the values with the other sign.
    """
    chosen = np.argsort(-values, kind="stable")[:count]
    return activations[..., chosen] @ np.maximum(values[chosen], 0)


def summary(shares: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard error of shares, those without a value left out."""
    known = np.array([share for share in shares if not np.isnan(share)])
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
