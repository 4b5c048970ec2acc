"""Numbers that a caller chooses: integers of any kind, refused in one sentence otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.errors import UnknownName


@pytest.mark.parametrize("given", [[0, 8, 8], range(9), np.array([1, 2], np.int16), (np.int64(3),)])
def test_integers_of_any_kind_are_kept_in_order(given):
    found = chosen_numbers("labels", given, 9, "indexes")
    assert found == [int(one) for one in given]
    assert {type(one) for one in found} == {int}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([9], "found 9;"),
        ([0, -1, 100], "found -1, 100;"),
        ([0.5], "found 0.5;"),
        ([True], "found True;"),
        ([np.True_], "found np.True_;"),
        (["a"], "found 'a';"),
        ([[1]], r"found \[1\];"),
        (3, "found 3;"),
        ([], "found none;"),
        (np.zeros(0, int), "found none;"),
        (range(9, 20), r"found 9, 10, 11, 12, 13, \.\.\.;"),
    ],
)
def test_others_are_refused_in_a_sentence(given, found):
    words = (
        r"^labels are given by a list of their numbers, {} valid: integers from 0 to 8, at least"
    )
    with pytest.raises(UnknownName, match=words.format(found) + r" one \(argument 'indexes'\)$"):
        chosen_numbers("labels", given, 9, "indexes")


def test_of_nothing_none_is_valid():
    with pytest.raises(UnknownName, match=r"found none; there are none \(argument 'numbers'\)"):
        chosen_numbers("channels", [], 0, "numbers")
