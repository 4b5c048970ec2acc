"""Scenes of toy blocks on a soft background, with the mask of every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from studies.blocks1000.fills import white_share
from studies.blocks1000.shapes import Floats, distance
from studies.blocks1000.vocabulary import COLOURS, FILLS, LABELS, Kind, kind_of, label_of, name_of

__all__ = ["LABELS", "Block", "Kind", "Scene", "draw_scene", "kind_of", "label_of", "name_of"]

SIZE: Final = 224  # pixels of a side; what the network was made for
SMALLEST, LARGEST = 30.0, 65.0  # radius of a block in pixels, whatever the size of the scene
TURN: Final = np.deg2rad(24)  # blocks are turned by at most this, so that no two shapes look alike
LIGHT: Final = np.array([-0.64, -0.77], dtype=np.float32)  # (u, v) towards the light: top left
PALETTE: Final = np.array(list(COLOURS.values()), dtype=np.float32)
WHITE: Final = np.array([250, 247, 240], dtype=np.float32)


@dataclass(frozen=True)
class Block:
    """A block in its place: kind, centre (row, col) and radius in pixels, turn in radians."""

    kind: Kind
    row: float
    col: float
    radius: float
    turn: float


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    ``picture``: uint8 (row, col, rgb); ``masks``: bool (block, row, col), the pixels of which a
    block covers at least half, disjoint; ``labels``: one per block, in the masks' order.
    """

    picture: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    labels: tuple[int, ...]
    blocks: tuple[Block, ...]


def draw_scene(
    rng: np.random.Generator, size: int = SIZE, blocks: int | Sequence[Kind] = 1
) -> Scene:
    """Draw a square scene of ``size`` pixels a side: the given blocks, or that many random ones.

    Place, size, turn, light and background come from ``rng``: the same state, the same scene. The
    blocks' circles do not meet; a corner that reaches out of its own (a triangle's, by 0.17 of the
    radius) may touch another block or leave the picture. Cost: about 3 ms at 160 pixels.
    """
    if isinstance(blocks, int):
        kinds = [kind_of(int(label)) for label in rng.integers(len(LABELS), size=blocks)]
    else:
        kinds = list(blocks)
    placed = _place(rng, size, kinds)
    picture = _background(rng, size)
    masks = np.zeros((len(placed), size, size), dtype=bool)
    for number, block in enumerate(placed):
        _paint(rng, picture, masks[number], block)
        masks[:number] &= ~masks[number]  # corners may touch: the later block is in front
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(1.6)
    return Scene(
        np.clip(picture + 0.5, 0, 255).astype(np.uint8),
        masks,
        tuple(label_of(block.kind) for block in placed),
        tuple(placed),
    )


def _place(rng: np.random.Generator, size: int, kinds: Sequence[Kind]) -> list[Block]:
    """Draw sizes and places until no two circles meet; smaller sizes after every failure."""
    count = len(kinds)
    most = min(LARGEST, 0.46 * size / np.sqrt(max(count, 1)) * (1.0 if count == 1 else 0.9))
    shrink = 1.0
    while True:
        radii = shrink * rng.uniform(min(SMALLEST, 0.75 * most), most, size=count)
        for _ in range(20):
            rows, cols = (rng.uniform(radii, size - radii) for _axis in "rc")
            gaps = np.hypot(rows[:, None] - rows, cols[:, None] - cols) - radii[:, None] - radii
            if count < 2 or gaps[np.triu_indices(count, 1)].min() > 1:
                turns = rng.uniform(-TURN, TURN, size=count)
                numbers = np.stack([rows, cols, radii, turns], axis=1).tolist()
                return [Block(kind, *n) for kind, n in zip(kinds, numbers, strict=True)]
        shrink *= 0.93


def _background(rng: np.random.Generator, size: int) -> Floats:
    """A pale tint with a gentle slope and soft clouds: float32 (row, col, rgb), 0..255."""
    nodes = 9
    tint = rng.uniform(196, 226) + rng.uniform(-14, 14, size=3)
    coarse = rng.normal(0, 5, size=(nodes, nodes, 3)) + rng.normal(0, 5, size=(nodes, nodes, 1))
    slope = rng.uniform(-20, 20, size=2)
    ramp = np.linspace(-1, 1, nodes)
    coarse += (slope[0] * ramp[:, None] + slope[1] * ramp)[..., None] + tint
    spread = _spread(size, nodes)
    rows = np.tensordot(spread, coarse.astype(np.float32), axes=(1, 0))
    return np.ascontiguousarray(np.matmul(spread, rows))


def _spread(size: int, nodes: int) -> Floats:
    """Weights (pixel, node) of a cubic B-spline; the outermost nodes lie beyond the picture."""
    at = np.abs(np.linspace(1, nodes - 2, size)[:, None] - np.arange(nodes))
    near = 2 / 3 - at**2 + at**3 / 2
    far = np.clip(2 - at, 0, None) ** 3 / 6
    return np.where(at < 1, near, far).astype(np.float32)


def _paint(
    rng: np.random.Generator, picture: Floats, mask: npt.NDArray[np.bool_], block: Block
) -> None:
    """Paint a block and its shadow into ``picture``, and its pixels into ``mask``."""
    size, radius = len(picture), block.radius
    colour = PALETTE[block.kind.colour] * rng.uniform(0.94, 1.06) + rng.uniform(-6, 6, size=3)
    lift = rng.uniform(0.07, 0.11)  # how far the shadow falls, in units
    top, left = (max(int(at - 1.3 * radius), 0) for at in (block.row, block.col))
    side = int(2.6 * radius) + 2
    rows, cols = min(side, size - top), min(side, size - left)
    area = (slice(top, top + rows), slice(left, left + cols))

    centre = (block.row - top, block.col - left)
    fallen = (centre[0] + lift * radius, centre[1] + 0.6 * lift * radius)
    form = (block.kind.shape, block.turn, radius)
    inside = distance(*form, centre, side)[:rows, :cols]
    shadow = distance(*form, fallen, side)[:rows, :cols]

    canvas = picture[area]
    canvas *= 1 - np.float32(0.34) * _falling(shadow + np.float32(0.05), 0.16)[..., None]
    cover = np.clip(0.5 - inside * np.float32(radius), 0, 1)[..., None]
    canvas += cover * (_surface(block, colour, inside, centre) - canvas)
    mask[area] = cover[..., 0] >= 0.5


def _falling(distance: Floats, width: float) -> Floats:
    """A soft step from 1 (far inside) to 0 (far outside) over ``width`` units each way."""
    at: Floats = np.clip(distance / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return 1 - at * at * (3 - 2 * at)


def _surface(
    block: Block, colour: npt.NDArray[np.float64], inside: Floats, centre: tuple[float, float]
) -> Floats:
    """The painted surface (row, col, rgb): fill, a darker rim line, a bevel and a soft sheen."""
    rows, cols = inside.shape
    down = (np.arange(rows, dtype=np.float32)[:, None] + np.float32(0.5 - centre[0])) / block.radius
    right = (np.arange(cols, dtype=np.float32) + np.float32(0.5 - centre[1])) / block.radius
    cos, sin = np.float32(np.cos(block.turn)), np.float32(np.sin(block.turn))
    down, right = down.astype(np.float32), right.astype(np.float32)
    u, v = cos * right + sin * down, cos * down - sin * right

    white = white_share(FILLS[block.kind.fill], u, v, inside, block.radius)
    # a rim in the block's own colour closes every pattern, so that white never meets the background
    white = white * np.clip(np.float32(0.5 - 0.05 * block.radius) - inside * block.radius, 0, 1)
    paint = colour.astype(np.float32) + white[..., None] * (WHITE - colour).astype(np.float32)

    slope_v, slope_u = np.gradient(inside * np.float32(block.radius))
    edge = np.exp(-((inside / np.float32(0.07)) ** 2))
    light = np.float32(0.16) * (slope_u * LIGHT[0] + slope_v * LIGHT[1]) * edge
    light += np.float32(1.02) + np.float32(0.05) * (LIGHT[0] * right + LIGHT[1] * down)
    shine: Floats = paint * light[..., None]
    return shine
