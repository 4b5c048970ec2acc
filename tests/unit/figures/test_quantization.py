"""Arrays in pages: what comes back, and what gives way when there is no room."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from blockscope.figures.page.page_budget import fit_to_budget
from blockscope.figures.page.quantization import PackedArray, pack, sum_pooled, unpack


@pytest.mark.parametrize(("bits", "off"), [(16, 1 / 65534), (8, 1 / 254), (6, 1 / 62)])
def test_numbers_come_back_to_their_bits(rng, bits, off):
    """Each row to its own scale: a large one takes nothing from a small one."""
    array = rng.normal(0, 1, (5, 7, 3)) * np.array([1e-6, 1, 40, 1e5, 0])[:, None, None]
    found = unpack(json.loads(json.dumps(pack(array, bits))))
    assert found.shape == (5, 7, 3)
    largest = np.abs(array).max(axis=(1, 2))
    error = np.abs(found - array).max(axis=(1, 2))
    assert (error <= largest * (off + 2e-6)).all()
    assert (found[4] == 0).all()
    assert found[2].ravel()[np.abs(array[2]).argmax()] == pytest.approx(
        array[2].ravel()[np.abs(array[2]).argmax()], rel=1e-5
    )


def test_one_axis_has_a_scale_for_each_number():
    np.testing.assert_allclose(unpack(pack(np.array([3.0, -0.002]), 8)), [3, -0.002], rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="holds values that are not finite"):
        pack(np.array([[1.0, value]]), 8)


def test_the_largest_array_loses_bits_first(rng):
    large, small = rng.normal(size=(60, 70)), rng.normal(size=(5, 7))

    def tree():
        return {"large": PackedArray(large), "list": [PackedArray(small), 3], "text": "x"}

    roomy: Any = fit_to_budget(iter([tree()]), 10**6)
    assert (roomy["large"]["bits"], roomy["list"][0]["bits"]) == (16, 16)
    assert (roomy["list"][1], roomy["text"]) == (3, "x")
    tight: Any = fit_to_budget(iter([tree()]), 7000)
    assert (tight["large"]["bits"], tight["list"][0]["bits"]) == (8, 16)
    assert len(tight["large"]["data"]) + len(tight["list"][0]["data"]) <= 7000


def test_the_first_that_fits_is_taken_or_else_the_last(rng):
    sizes = (60, 20, 4)
    trees = [{"size": n, "array": PackedArray(rng.normal(size=(n, n)))} for n in sizes]
    assert fit_to_budget(iter(trees), 700)["size"] == 20
    trees = [{"size": n, "array": PackedArray(rng.normal(size=(n, n)))} for n in sizes]
    assert fit_to_budget(iter(trees), 1)["size"] == 4


def test_blocks_hold_the_sum_of_their_positions(rng):
    array = rng.normal(size=(2, 5, 7, 3))
    found = sum_pooled(array, 2, 1)
    assert found.shape == (2, 3, 4, 3)
    np.testing.assert_allclose(found[1, 1, 2], array[1, 2:4, 4:6].sum((0, 1)))
    np.testing.assert_allclose(found[0, 2, 3], array[0, 4, 6])
    np.testing.assert_array_equal(sum_pooled(array, 1, 1), array)
