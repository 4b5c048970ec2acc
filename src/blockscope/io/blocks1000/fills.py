"""The ten fills: which part of a block is painted in its colour and which part is white.

A fill gives the share of white (0..1) at points in unit coordinates (see ``shapes``). Its edges are
one pixel wide, so patterns are anti-aliased without supersampling.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from blockscope.io.blocks1000.shapes import Floats

# u, v, signed distance to the shape's outline -> signed distance to the white part (inside > 0)
Edge = Callable[[Floats, Floats, Floats], Floats]


def _bands(along: Floats, period: float, white: float = 0.5) -> Floats:
    """Return parallel bands, coloured at 0; a share ``white`` of every period is white."""
    folded: Floats = np.abs(along / period - np.round(along / period)) * period
    return folded - np.float32(period * (1 - white) / 2)


def _striped(u: Floats, v: Floats, distance: Floats) -> Floats:
    return _bands(v, 0.44)


def _checkered(u: Floats, v: Floats, distance: Floats) -> Floats:
    across, down = _bands(u + 0.17, 0.68), _bands(v + 0.17, 0.68)
    edge: Floats = np.minimum(np.abs(across), np.abs(down)) * np.sign(across) * np.sign(down)
    return edge


def _dotted(u: Floats, v: Floats, distance: Floats) -> Floats:
    pitch = 0.46
    du = (u / pitch - np.round(u / pitch)) * pitch
    dv = (v / pitch - np.round(v / pitch)) * pitch
    edge: Floats = np.float32(0.15) - np.hypot(du, dv)
    return edge


def _gridded(u: Floats, v: Floats, distance: Floats) -> Floats:
    return np.maximum(_bands(u, 0.46, 0.24), _bands(v, 0.46, 0.24))


def _rippled(u: Floats, v: Floats, distance: Floats) -> Floats:
    # from a corner: rings around the centre would make a ring look framed
    return _bands(np.hypot(u + 0.7, v - 0.8), 0.42)


def _rayed(u: Floats, v: Floats, distance: Floats) -> Floats:
    rays = 8
    # the arc from the nearest ray's edge is a distance, nearly: rays are narrow
    edge: Floats = np.sin(rays * np.arctan2(v, u)) * np.hypot(u, v) / np.float32(rays)
    return edge


def _zigzag(u: Floats, v: Floats, distance: Floats) -> Floats:
    tooth = np.abs(u / 0.62 - np.round(u / 0.62)) * 0.62
    return _bands(v + tooth, 0.5) * np.float32(0.7)


def _framed(u: Floats, v: Floats, distance: Floats) -> Floats:
    return -distance - np.float32(0.15)


EDGES: Final[dict[str, Edge]] = {
    "framed": _framed,
    "striped": _striped,
    "checkered": _checkered,
    "dotted": _dotted,
    "gridded": _gridded,
    "rippled": _rippled,
    "rayed": _rayed,
    "zigzag": _zigzag,
}


def white_share(fill: str, u: Floats, v: Floats, distance: Floats, radius: float) -> Floats:
    """Return the share of white (row, col), 0..1, of a block whose unit is ``radius`` pixels."""
    share: Floats
    if fill == "solid":
        share = np.zeros_like(u)
    elif fill == "faded":
        share = np.clip(np.float32(0.5) - np.float32(0.62) * v, 0, 1)
    else:
        edge = EDGES[fill](u, v, distance) * np.float32(radius)
        share = np.clip(np.float32(0.5) + edge, 0, 1)
    return share
