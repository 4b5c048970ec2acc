"""Scenes by number: scene i of a seed depends on these two alone, and is drawn in any order.

Their seeds have a tag that neither those of training nor of scoring have: the network was not
trained on any of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from blockscope.io.blocks1000.scenes import SIZE, Scene, draw_scene
from blockscope.io.blocks1000.vocabulary import LABELS, Kind, kind_of

TAG: Final = 20180307  # training has none, scoring another one
MOST_BLOCKS: Final = 3


def draw_numbered(seed: int, number: int) -> Scene:
    """Draw a scene of 1 to 3 blocks, each number of them equally often; about 5 ms."""
    rng = _rng(seed, number)
    return draw_scene(rng, SIZE, _kinds(rng))


def numbered_kinds(seed: int, number: int) -> list[Kind]:
    """Return the blocks of a scene without drawing it."""
    return _kinds(_rng(seed, number))


def _rng(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number, TAG])


def _kinds(rng: np.random.Generator) -> list[Kind]:
    count = 1 + int(rng.integers(MOST_BLOCKS))
    return [kind_of(int(label)) for label in rng.integers(len(LABELS), size=count)]
