"""The code in the pages of the documentation, run, and its comments held against what comes out.

That of docs/python.md and docs/figures.md is run in tests/unit/stages/test_loading.py, that of
docs/reading.md in test_reading_page.py beside it, and that of docs/tensorflowjs.md in
test_tensorflowjs_page.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.code_of_pages import blocks_of, run_block
from helpers.repository import ROOT

from blockscope.stages.datasets.dataset import write_dataset

# The block of docs/datasets.md in the middle reads a file like those of tests/unit/exemplars/; that
# of docs/pytorch.md needs PyTorch and a network of some 100 MB.
RUN = {
    ("blocks1000.md", 0), ("datasets.md", 0), ("datasets.md", 2), ("figures.md", 0),
    ("tensorflowjs.md", 0),
}  # fmt: skip
NOT_RUN = {("datasets.md", 1), ("pytorch.md", 0)}
READING = {("reading.md", place) for place in range(4)}


def test_every_block_is_run_or_known() -> None:
    found = {
        (page.name, place)
        for page in (ROOT / "docs").glob("*.md")
        if "```python" in page.read_text()
        for place in range(len(blocks_of(page.name)))
    }
    assert found == RUN | NOT_RUN | READING


def test_a_scene_of_blocks() -> None:
    names, (image, masks, labels) = run_block("blocks1000.md", 0)
    assert (image.dtype, image.shape) == (np.uint8, (224, 224, 3))
    assert (masks.dtype, masks.shape) == (bool, (2, 224, 224))
    assert labels == [names["LABELS"][label] for label in names["scene"].labels]
    assert len(set(labels)) == 2


def test_the_images_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    index = Path("results/datasets/scenes.h5")
    index.parent.mkdir(parents=True)
    write_dataset(
        dataset="scenes", path="drawn:blocks1000", count=3, seed=0, labels="", output=index
    )
    _, ((names, labels), image) = run_block("datasets.md", 0)
    assert names == ["scene 0"]
    assert isinstance(labels[0], str)
    assert image.mode == "RGB"


def test_a_scene_by_its_number() -> None:
    names, (blocks, masks) = run_block("datasets.md", 2)
    assert masks.dtype == bool
    assert masks.shape == (len(blocks), *names["scene"].image.shape[:2])
    assert len(blocks[0].kind) == 3
