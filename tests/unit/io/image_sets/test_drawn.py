"""Scenes by number: what each is follows from its number alone, and is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blockscope.io.blocks1000.numbered import draw_numbered, numbered_kinds
from blockscope.io.blocks1000.vocabulary import LABELS
from blockscope.io.errors import BadFile
from blockscope.io.image_sets import ImageSet
from blockscope.io.image_sets.index import make_index
from blockscope.stages.datasets.dataset import write_dataset
from studies.blocks1000.scoring import fresh_scenes
from studies.blocks1000.training import draw_batch


@pytest.fixture
def scenes(tmp_path: Path) -> ImageSet:
    output = tmp_path / "scenes.h5"
    write_dataset(
        dataset="scenes", path="drawn:blocks1000", count=40, seed=3, labels="", output=output
    )
    return ImageSet.open(output)


def test_an_image_is_the_scene_of_its_number_and_labelled_by_its_blocks(scenes):
    assert (len(scenes), scenes.kind, scenes.seed) == (40, "drawn", 3)
    for number in (39, 0, 17):
        scene = draw_numbered(3, number)
        assert (np.asarray(scenes.read(number)) == scene.image).all()
        assert [block.kind for block in scene.blocks] == numbered_kinds(3, number)
        names = " | ".join(LABELS[label] for label in scene.labels)
        assert scenes.labels([number]) == [names]
        assert scenes.names([number]) == [f"scene {number}"]


def test_more_scenes_contain_fewer_and_another_seed_has_none_of_them(scenes):
    more = make_index("drawn:blocks1000", 50, 3, "")
    assert list(more["label"].to_numpy()[:40]) == scenes.labels(range(40))
    other = make_index("drawn:blocks1000", 40, 4, "")
    assert list(other["label"].to_numpy()) != scenes.labels(range(40))
    assert len({index.attrs["digest"] for index in (more, other)}) == 2
    assert scenes.facts["digest"] not in {more.attrs["digest"], other.attrs["digest"]}
    assert not any((draw_numbered(3, n).image == draw_numbered(4, n).image).all() for n in range(5))


def test_scenes_have_one_to_three_blocks_and_all_kinds():
    counts = np.bincount([len(numbered_kinds(0, n)) for n in range(3000)], minlength=4)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 1000).max() < 4 * np.sqrt(3000 * 2 / 9)
    kinds = [kind for n in range(3000) for kind in numbered_kinds(0, n)]
    for part in range(3):
        assert {kind[part] for kind in kinds} == set(range(10))


@pytest.mark.parametrize("seed", [0, 1000, 2**63 - 1])
def test_no_scene_is_one_of_training_or_scoring(seed):
    own = {draw_numbered(seed, number).image.tobytes() for number in range(20)}
    assert len(own) == 20
    trained = [image for number in range(3) for image in draw_batch(seed, number, 224, 8)[0]]
    scored = [scene.image for scene in fresh_scenes(seed, 10, 2)]
    assert own.isdisjoint(image.tobytes() for image in (*trained, *scored))


def test_drawn_scenes_need_a_count():
    with pytest.raises(BadFile, match="'drawn:blocks1000' has no end; give a count"):
        make_index("drawn:blocks1000", None, 0, "")
