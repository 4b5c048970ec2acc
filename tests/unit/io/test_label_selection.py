"""Labels of a file chosen by name or index, also where names repeat as they do in ImageNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import blockscope
from blockscope.io import datasets
from blockscope.io.errors import BlockscopeError, UnknownName

NAMES = ["tench", "crane", "maillot", "crane", "7", "maillot", "dog"]
INDEXES = [3, 4, 5, 9, 12, 13, 20]  # positions in the logits, with gaps as in a file of scores


@pytest.fixture
def path(tmp_path: Path, rng: np.random.Generator) -> Path:
    dataset = xr.Dataset(
        {"attribution": (("label", "row", "col"), rng.normal(size=(7, 5, 3)).astype("f4"))},
        {"label": np.array(NAMES, object), "index": ("label", np.array(INDEXES, "i4"))},
        {"created_by": "classes"},
    )
    datasets.write_h5(tmp_path / "a.h5", dataset)
    return tmp_path / "a.h5"


def test_labels_come_in_the_order_in_which_they_are_asked_for(path: Path) -> None:
    every = datasets.read(path)
    found = blockscope.load(path, labels=["dog", 9, "tench", 13, 4, "7"])
    assert isinstance(found, xr.Dataset)
    places = [6, 3, 0, 5, 1, 4]
    np.testing.assert_array_equal(found.attribution, every.attribution.to_numpy()[places])
    assert found["index"].to_numpy().tolist() == [20, 9, 3, 13, 4, 12]
    assert found["label"].to_numpy().tolist() == [NAMES[place] for place in places]
    none = blockscope.load(path, labels=[])
    assert isinstance(none, xr.Dataset)
    assert none.sizes["label"] == 0


def test_xarray_alone_finds_a_list_of_labels_by_index(path: Path) -> None:
    """The way that docs/reading.md gives without blockscope; by name a list is refused."""
    with xr.open_dataset(path) as found:
        np.testing.assert_array_equal(found["index"].to_numpy(), INDEXES)
        chosen = found.attribution.swap_dims(label="index").sel(index=[9, 4, 20])
        np.testing.assert_array_equal(chosen, found.attribution.to_numpy()[[3, 1, 6]])
        assert chosen["label"].to_numpy().tolist() == ["crane", "crane", "dog"]
        with pytest.raises(pd.errors.InvalidIndexError, match="uniquely valued"):
            found.attribution.sel(label=["crane", "dog"])


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (["crane"], UnknownName, r"^label 'crane' occurs 2 times in '.*a\.h5'; .*: 4 or 9$"),
        (["dogs"], UnknownName, r"'.*a\.h5' has no label 'dogs'; valid: tench, crane, .*, dog$"),
        (["14"], UnknownName, r"has no label '14'; valid: "),
        (["²"], UnknownName, r"has no label '²'; valid: "),
        (["٤"], UnknownName, r"has no label '٤'; valid: "),
        (["12"], UnknownName, r"has no label '12'; .* is given as 12, without quotes$"),
        (12, BlockscopeError, r"^labels must be a list, found 12; give \[12\]$"),
        ([True], BlockscopeError, r"^labels must be names or indexes, found True$"),
        ([4.0], BlockscopeError, r"^labels must be names or indexes, found 4\.0$"),
        ([7], UnknownName, r"'.*a\.h5' has no label of index 7; valid: 3 to 20$"),
        ("dog", BlockscopeError, r"^labels must be a list, found 'dog'; give \['dog'\]$"),
    ],
)
def test_labels_that_cannot_be_found_are_told(path: Path, labels, error, words: str) -> None:
    with pytest.raises(error, match=words):
        blockscope.load(path, labels=labels)


def test_files_without_labels_are_told(tmp_path: Path) -> None:
    datasets.write_h5(tmp_path / "a.h5", xr.Dataset({"attribution": (("row", "col"), [[1.0]])}))
    words = r"^'.*a\.h5' has no axis 'label' to choose from; its axes: row, col$"
    with pytest.raises(BlockscopeError, match=words):
        blockscope.load(tmp_path / "a.h5", labels=["dog"])
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BlockscopeError, match=r"^'.*a\.png' has no labels .*; leave out labels=$"):
        blockscope.load(tmp_path / "a.png", labels=["dog"])
