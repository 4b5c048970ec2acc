"""Harder scenes: who is in them, what they share, and that every block is seen."""

from __future__ import annotations

import numpy as np

from blockscope.io.blocks1000.vocabulary import label_of
from studies.blocks1000.hard_scenes import RADII, draw_hard_scene, hard_scenes, sharing


def test_distractors_share_one_part_each_and_the_last_one_none() -> None:
    for scene in hard_scenes(3, 12):
        target, *others = (block.kind for block in scene.blocks)
        shared = [[a == b for a, b in zip(target, other, strict=True)] for other in others]
        assert shared == [
            [True, False, False], [False, True, False], [False, False, True], [False] * 3,
        ]  # fmt: skip
        assert scene.labels == tuple(label_of(block.kind) for block in scene.blocks)


def test_masks_are_disjoint_and_all_blocks_are_seen() -> None:
    hidden = 0
    for scene in hard_scenes(4, 12):
        assert scene.masks.sum(0).max() == 1
        for mask, block in zip(scene.masks, scene.blocks, strict=True):
            rows, cols = np.nonzero(mask)
            away = np.hypot(rows - block.row, cols - block.col)
            assert away.max() < 1.3 * block.radius  # a mask stays with its own block
            assert mask.sum() > np.pi * RADII[0] ** 2 / 6
        apart = [
            np.hypot(a.row - b.row, a.col - b.col) < a.radius + b.radius
            for i, a in enumerate(scene.blocks)
            for b in scene.blocks[:i]
        ]
        hidden += any(apart)
    assert hidden >= 3


def test_what_shares_a_part_with_the_target() -> None:
    scene = next(hard_scenes(5, 1))
    for part in range(3):
        np.testing.assert_array_equal(sharing(scene, part), scene.masks[0] | scene.masks[1 + part])


def test_a_scene_depends_on_its_seed_and_number_alone() -> None:
    first, second = hard_scenes(9, 2)
    again = list(hard_scenes(9, 2))[1]
    np.testing.assert_array_equal(second.image, again.image)
    assert (first.image != second.image).any()
    other = draw_hard_scene(np.random.default_rng(1), size=160)
    assert other.image.shape == (160, 160, 3)
