"""Sums without rounding: against Python's fractions, in any order and grouping."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from blockscope.exemplars.exact_sum import ExactSum

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
ADDENDS = npst.arrays(np.float32, st.tuples(st.integers(1, 30), st.just(3)), elements=finite)


def summed(rows: np.ndarray) -> ExactSum:
    total = ExactSum(rows.shape[1])
    for row in rows:
        total.add(row)
    return total


@given(ADDENDS)
def test_sum_is_that_of_fractions(rows: np.ndarray) -> None:
    exact = [float(sum(map(Fraction, rows[:, i].astype(float).tolist()))) for i in range(3)]
    np.testing.assert_allclose(summed(rows).total(), exact, rtol=1e-15, atol=0)


@given(ADDENDS, st.integers(0, 30), st.randoms())
def test_order_and_grouping_change_no_bit(rows: np.ndarray, cut: int, draw) -> None:
    whole = summed(rows).total()
    order = list(range(len(rows)))
    draw.shuffle(order)
    first, second = summed(rows[order[:cut]].reshape(-1, 3)), summed(rows[order[cut:]])
    second.merge(first)
    assert second.total().tobytes() == whole.tobytes()


def test_float32_alone_would_lose_what_is_kept() -> None:
    rows = np.array([[2.0**100, 1], [1, 2.0**-149], [-(2.0**100), -1], [2.0**-140, 0]], np.float32)
    np.testing.assert_array_equal(summed(rows).total(), [1 + 2.0**-140, 2.0**-149])


def test_only_some_sums_are_added_to() -> None:
    total = ExactSum(4)
    total.add(np.array([1, -2], np.float32), np.array([3, 1]))
    total.add(np.array([5], np.float32), slice(3, 4))
    np.testing.assert_array_equal(total.total(), [0, -2, 0, 6])


def test_limbs_go_on_where_they_were() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    begun = summed(rows[:4])
    again = ExactSum(3, begun.limbs)
    for row in rows[4:]:
        again.add(row)
    assert again.total().tobytes() == summed(rows).total().tobytes()
    assert begun.total().tobytes() == summed(rows[:4]).total().tobytes()


@pytest.mark.parametrize("value", [3.4e38, -3.4e38, 1e-45, -0.0])
def test_ends_of_float32(value: float) -> None:
    total = summed(np.full((5, 1), value, np.float32))
    np.testing.assert_allclose(total.total(), [5 * float(np.float32(value))], rtol=1e-15)
