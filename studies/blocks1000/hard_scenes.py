"""Harder scenes: small blocks that hide parts of each other, on a texture, among look-alikes.

The network was trained on scenes of one or two blocks that do not meet, on a soft background: there
nearly every method points at the right block, and no score tells methods apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from blockscope.io.blocks1000.scenes import SIZE, TURN, Block, Scene, paint_scene
from blockscope.io.blocks1000.shapes import Floats
from blockscope.io.blocks1000.vocabulary import HEADS, Kind

RADII: Final = (17.0, 34.0)  # pixels; those of training are 30 to 65
OVERLAP: Final = 0.6  # of the smaller radius, by which two circles may overlap
VISIBLE: Final = 0.5  # of a block's own disc, the least that is seen
CONTRAST: Final = 16.0  # of the texture, standard deviation, 0..255
DRAWN: Final = 7  # tells the seeds of these scenes from those of other ones


def hard_scenes(seed: int, count: int) -> Iterator[Scene]:
    """Draw scenes; scene i depends on i alone."""
    for number in range(count):
        yield draw_hard_scene(np.random.default_rng([seed, number, 5, DRAWN]))


def draw_hard_scene(rng: np.random.Generator, size: int = SIZE) -> Scene:
    """Draw a square scene of five blocks; the first one is the target.

    Of the others one shares its shape, one its fill and one its colour, and the last one nothing;
    in everything else they differ from it. Which of them is in front is drawn by lot.
    """
    target = Kind(*(int(rng.integers(count)) for count in HEADS))
    kinds = [target, *(_unlike(rng, target, shared) for shared in (0, 1, 2, None))]
    while True:
        blocks = _place(rng, size, kinds)
        order = rng.permutation(len(blocks))
        scene = paint_scene(rng, _texture(rng, size), [blocks[place] for place in order])
        seen = scene.masks.sum((1, 2)) / np.array([np.pi * b.radius**2 for b in scene.blocks])
        # A shape fills between a third and all of its circle: so much of it is seen.
        if seen.min() > VISIBLE / 3:
            break
    back = np.argsort(order)
    return Scene(
        scene.image,
        scene.masks[back],
        tuple(scene.labels[place] for place in back),
        tuple(scene.blocks[place] for place in back),
    )


def sharing(scene: Scene, part: int) -> npt.NDArray[np.bool_]:
    """Return the pixels, (row, col), of all blocks that share a part with the target.

    ``part``: 0 the shape, 1 the fill, 2 the colour; the target is among them.
    """
    wanted = scene.blocks[0].kind[part]
    own = [block.kind[part] == wanted for block in scene.blocks]
    return np.asarray(scene.masks[own].any(0))


def _unlike(rng: np.random.Generator, target: Kind, shared: int | None) -> Kind:
    """Draw a kind that shares one part with the target, or none."""
    others = (
        (own + 1 + int(rng.integers(n - 1))) % n for own, n in zip(target, HEADS, strict=True)
    )
    parts = [
        own if place == shared else other
        for place, (own, other) in enumerate(zip(target, others, strict=True))
    ]
    return Kind(*parts)


def _place(rng: np.random.Generator, size: int, kinds: list[Kind]) -> list[Block]:
    """Draw places until no two circles overlap by more than ``OVERLAP``."""
    while True:
        radii = rng.uniform(*RADII, size=len(kinds))
        rows, cols = (rng.uniform(radii, size - radii) for _axis in "rc")
        apart = np.hypot(rows[:, None] - rows, cols[:, None] - cols)
        least = radii[:, None] + radii - OVERLAP * np.minimum(radii[:, None], radii)
        if (apart >= least)[np.triu_indices(len(kinds), 1)].all():
            turns = rng.uniform(-TURN, TURN, size=len(kinds))
            numbers = np.stack([rows, cols, radii, turns], axis=1).tolist()
            return [Block(kind, *n) for kind, n in zip(kinds, numbers, strict=True)]


def _texture(rng: np.random.Generator, size: int) -> Floats:
    """Return a pale background of six gratings of random colours, (row, col, rgb), 0..255."""
    row, col = np.mgrid[:size, :size] / size
    image = np.zeros((size, size, 3))
    for _ in range(6):
        angle, waves, phase = rng.uniform(0, np.pi), rng.uniform(3, 24), rng.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * waves * (row * np.sin(angle) + col * np.cos(angle)) + phase)
        image += wave[..., None] * rng.normal(0, 1, 3)
    image *= CONTRAST / image.std()
    return (image + rng.uniform(180, 215)).astype(np.float32)
