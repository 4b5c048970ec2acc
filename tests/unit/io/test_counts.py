"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from blockscope.io.counts import all_of, counted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (counted(0, "image"), "0 images"),
        (counted(1, "image"), "1 image"),
        (counted(2, "image"), "2 images"),
        (counted(12345, "image", ","), "12,345 images"),
        (counted(1, "axis", plural="axes"), "1 axis"),
        (counted(4, "axis", plural="axes"), "4 axes"),
        (all_of(1, "cell"), "the only cell"),
        (all_of(2, "cell"), "both cells"),
        (all_of(35, "cell"), "all 35 cells"),
    ],
)
def test_a_noun_follows_its_number(found: str, wanted: str) -> None:
    assert found == wanted
