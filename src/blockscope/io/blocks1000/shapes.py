"""The ten shapes as signed distances, tabulated once and then looked up.

Unit coordinates have their origin at the block's centre, u to the right, v downwards; a shape
reaches about 1 from the centre. A distance is negative inside the shape, positive outside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from blockscope.io.blocks1000.vocabulary import SHAPES

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

REACH: Final = 2.1  # the table covers -REACH..REACH on both axes: a turned box and its corners
CELLS: Final = 211  # odd, so that the centre is a node of the table


def _around(count: int, radius: npt.ArrayLike, start: float = -np.pi / 2) -> Points:
    """Return points at equal angles around the centre, from the top; ``radius`` cycles."""
    angles = start + 2 * np.pi * np.arange(count) / count
    radii = np.resize(np.asarray(radius, dtype=float), count)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _mirrored(right: list[tuple[float, float]]) -> Points:
    """Close an outline whose right half is given from top to bottom."""
    half = np.array(right)
    left = half[::-1] * (-1, 1)
    return np.concatenate([half, left])


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    u = 16 * np.sin(t) ** 3
    v = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([u, v - 2.4], axis=1) / 17.2


def _moon() -> Points:
    """Return a disc less a smaller disc to its right, shifted so that the rest is centred."""
    inner, shift = 0.72, 0.5
    meet = np.arccos((1 + shift**2 - inner**2) / (2 * shift))  # angle of the tips, outer circle
    outer = np.linspace(meet, 2 * np.pi - meet, 72)
    tip = np.arctan2(np.sin(meet), np.cos(meet) - shift)  # the same tips, seen from the inner disc
    inside = np.linspace(2 * np.pi - tip, tip, 60)[1:-1]
    points = np.concatenate(
        [
            np.stack([np.cos(outer), np.sin(outer)], axis=1),
            np.stack([shift + inner * np.cos(inside), inner * np.sin(inside)], axis=1),
        ]
    )
    return points * 0.92 + (0.2, 0.0)


def _flower() -> Points:
    """Return six round petals: discs of radius 0.37 around centres at 0.58."""
    angles = np.linspace(0, 2 * np.pi, 144, endpoint=False)
    off = (angles + np.pi / 6) % (np.pi / 3) - np.pi / 6  # from the nearest petal's middle
    radius = 0.58 * np.cos(off) + np.sqrt(0.37**2 - (0.58 * np.sin(off)) ** 2)
    return np.stack([radius * np.sin(angles), -radius * np.cos(angles)], axis=1)


ARM: Final = 0.27
# outline, and how far it is then grown with round corners
OUTLINES: Final[dict[str, tuple[Points, float]]] = {
    "square": (_around(4, 0.92, np.pi / 4), 0.09),
    "triangle": (_around(3, 0.98) + np.array([0, 0.17]), 0.10),
    "star": (_around(10, (0.98, 0.42)), 0.04),
    "heart": (_heart(), 0.02),
    "cross": (
        _mirrored([(ARM, -0.9), (ARM, -ARM), (0.9, -ARM), (0.9, ARM), (ARM, ARM), (ARM, 0.9)]),
        0.05,
    ),
    "moon": (_moon(), 0.03),
    "arrow": (_mirrored([(0.0, -0.95), (0.84, -0.1), (0.3, -0.1), (0.3, 0.85)]), 0.06),
    "flower": (_flower(), 0.0),
}


def polygon_distance(points: Points, u: Points, v: Points) -> Points:
    """Return the exact signed distance of each (u, v) to a closed polygon, negative inside."""
    nearest = np.full(u.shape, np.inf)
    inside = np.zeros(u.shape, dtype=bool)
    for (u0, v0), (u1, v1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        du, dv = u1 - u0, v1 - v0
        length = du * du + dv * dv
        if length == 0:
            continue
        along = np.clip(((u - u0) * du + (v - v0) * dv) / length, 0, 1)
        nearest = np.minimum(nearest, (u - u0 - along * du) ** 2 + (v - v0 - along * dv) ** 2)
        if dv != 0:
            inside ^= ((v0 > v) != (v1 > v)) & (u < u0 + (v - v0) * du / dv)
    signed: Points = np.where(inside, -1, 1) * np.sqrt(nearest)
    return signed


ROUND: Final[dict[str, Callable[[Points], Points]]] = {
    "circle": lambda radius: radius - 0.92,
    "ring": lambda radius: np.abs(radius - 0.69) - 0.27,
}


@cache
def distance_table(shape: int) -> Image.Image:
    """Tabulate a shape's signed distance over -REACH..REACH (v, u), as a float image."""
    axis = np.linspace(-REACH, REACH, CELLS)
    v, u = np.meshgrid(axis, axis, indexing="ij")
    name = SHAPES[shape]
    if name in ROUND:
        distance = ROUND[name](np.hypot(u, v))
    else:
        points, grown = OUTLINES[name]
        distance = polygon_distance(points, u, v) - grown
    return Image.fromarray(distance.astype(np.float32))


def distance(
    shape: int, turn: float, radius: float, centre: tuple[float, float], box: tuple[int, int]
) -> Floats:
    """Return the signed distance, in units, at the pixels of a box.

    Parameters
    ----------
    shape
        Position in ``SHAPES``.
    turn
        Radians, clockwise on the screen.
    radius
        Pixels of one unit.
    centre
        The block's centre (row, col) in the box; pixel centres lie at half.
    box
        Rows and columns of the box.

    Returns
    -------
    Distances (row, col).
    """
    scale = (CELLS - 1) / (2 * REACH) / radius
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    row, col = centre
    middle = CELLS / 2
    to_table = (cos, sin, middle - cos * col - sin * row, -sin, cos, middle + sin * col - cos * row)
    looked_up = distance_table(shape).transform(
        box[::-1], Image.Transform.AFFINE, to_table, Image.Resampling.BILINEAR
    )
    return np.asarray(looked_up)
