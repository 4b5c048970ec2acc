"""Exemplars of drawn scenes: which block each shows, and what those of a channel share."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.io.blocks1000.numbered import draw_numbered
from studies.blocks1000.exemplar_truth import NOTHING, sharing, shown_kind, table


@pytest.mark.parametrize("cells", [(7, 14), (28, 8)])
def test_an_exemplar_shows_the_block_at_its_position(cells):
    looked_up = 0
    for number in range(40):
        scene = draw_numbered(5, number)
        for block, mask in zip(scene.blocks, scene.masks, strict=True):
            place = int(block.row * cells[0] / 224), int(block.col * cells[1] / 224)
            row, col = ((at + 0.5) * 224 / n for at, n in zip(place, cells, strict=True))
            if not mask[int(row) - 8 : int(row) + 8, int(col) - 8 : int(col) + 8].all():
                continue  # a ring has a hole, and the map is coarse
            looked_up += 1
            assert tuple(shown_kind(scene, place, cells, 16)) == block.kind
    assert looked_up > 10


def test_where_there_is_no_block_nothing_is_shown():
    scene = draw_numbered(5, 0)
    free = np.argwhere(~scene.masks.any(0).reshape(14, 16, 14, 16).any((1, 3)))
    assert len(free)
    for row, col in free:
        assert tuple(shown_kind(scene, (row, col), (14, 14), 16)) == NOTHING


def kinds_by_lot(rng, channels=300, exemplars=9):
    return rng.integers(0, 10, (channels, exemplars, 3))


def test_what_channels_share_is_told_from_chance(rng):
    kinds = kinds_by_lot(rng)
    kinds[:60, :, 2] = rng.integers(0, 10, 60)[:, None]  # one colour each
    kinds[:, 5:][rng.random((300, 4)) < 0.2] = NOTHING
    shape, fill, colour = sharing(kinds, 0)
    assert colour.part == "colour"
    assert 60 <= colour.channels < 60 + 12
    assert colour.agreement == pytest.approx(0.2 + 0.8 * 0.1, abs=0.02)
    for one in (shape, fill):
        assert one.channels < 12
        assert abs(one.agreement - one.chance) < 4 * one.error
    assert colour.chance == pytest.approx(0.1, abs=0.02)
    lines = table([shape, fill, colour]).splitlines()
    assert lines[3].split()[:4] == [
        "colour",
        f"{colour.agreement:.3f}",
        "+-",
        f"{colour.error:.3f}",
    ]
    assert lines[3].endswith(f"{colour.channels} (3 +- 2)")
    beyond = shape.beyond | fill.beyond | colour.beyond
    assert lines[-1] == f"  any of them: {beyond.sum()} (at most 9)"


def test_what_all_channels_respond_to_is_no_agreement_of_one(rng):
    kinds = kinds_by_lot(rng)
    kinds[..., 1] = np.where(rng.random((300, 9)) < 0.8, 4, kinds[..., 1])
    fill = sharing(kinds, 0)[1]
    assert fill.agreement > 0.6
    assert fill.chance == pytest.approx(fill.agreement, abs=0.02)
    assert fill.channels < 12


def test_channels_without_two_blocks_are_left_out(rng):
    kinds = kinds_by_lot(rng)
    more = np.concatenate([kinds, np.full((50, 9, 3), -1)])
    more[300:, 0] = 1
    assert [one.agreement for one in sharing(more, 0)] == [
        one.agreement for one in sharing(kinds, 0)
    ]
