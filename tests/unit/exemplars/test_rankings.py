"""Rankings, histograms and samples: against plain sorting, counting and choosing of everything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from blockscope.exemplars import histogram
from blockscope.exemplars.reservoir import Reservoir, random_numbers
from blockscope.exemplars.top_k import TopK

IMAGES, POSITIONS, UNITS = 53, 35, 7


def maps(seed: int = 0) -> np.ndarray:
    """Return (image, position, unit) with many ties: whole numbers, and images that repeat."""
    found = np.random.default_rng(seed).integers(-2, 9, (IMAGES, POSITIONS, UNITS))
    found[20:30] = found[3]
    return found.astype(np.float32)


def ranked(values: np.ndarray, k: int, sizes: list[int], first: int = 0) -> TopK:
    """Take the images in, some at a time."""
    found = TopK.empty(k, UNITS)
    for size in sizes:
        part = values[first : first + size]

        def positions(image: np.ndarray, unit: np.ndarray, part: np.ndarray = part) -> np.ndarray:
            return part[image, :, unit].argmax(axis=1)

        found.update(part.max(axis=1), np.arange(first, first + len(part)), positions)
        first += size
    return found


def slow(values: np.ndarray, k: int) -> tuple[list, list, list]:
    """Sort everything, one unit after the other."""
    value, number, position = [], [], []
    for unit in range(UNITS):
        rows = sorted(
            (-values[image, :, unit].max(), image, int(values[image, :, unit].argmax()))
            for image in range(len(values))
        )[:k]
        value.append([-row[0] for row in rows])
        number.append([row[1] for row in rows])
        position.append([row[2] for row in rows])
    return value, number, position


@pytest.mark.parametrize("sizes", [[IMAGES], [1] * IMAGES, [16, 16, 16, 5], [50, 3]])
def test_top_k_is_a_plain_sort_with_ties(sizes: list[int]) -> None:
    found = ranked(maps(), 11, sizes)
    value, number, position = slow(maps(), 11)
    np.testing.assert_array_equal(found.value.T, value)
    np.testing.assert_array_equal(found.number.T, number)
    np.testing.assert_array_equal(found.position.T, position)


@pytest.mark.parametrize("cut", [1, 16, 29, 52])
def test_parts_of_top_k_join_in_any_order(cut: int) -> None:
    values, (want, number, position) = maps(), slow(maps(), 11)
    first = ranked(values, 11, [cut])
    second = ranked(values, 11, [IMAGES - cut], cut)
    for one, other in ((first, second), (second, first)):
        joined = TopK(one.value.copy(), one.number.copy(), one.position.copy())
        joined.merge(other)
        np.testing.assert_array_equal(joined.value.T, want)
        np.testing.assert_array_equal(joined.number.T, number)
        np.testing.assert_array_equal(joined.position.T, position)


def test_fewer_images_than_asked_for() -> None:
    found = ranked(maps()[:3], 5, [3])
    assert (found.number[:3] >= 0).all()
    assert (found.number[3:] == -1).all()
    assert (found.position[3:] == -1).all()
    assert np.isneginf(found.value[3:]).all()
    found.merge(TopK.empty(5, UNITS))
    assert (found.number[3:] == -1).all()


def test_negative_values_are_ranked_too() -> None:
    found = ranked(-1 - maps() ** 2, 4, [IMAGES])
    assert (found.number >= 0).all()
    assert (found.value < 0).all()


def test_counts_are_those_of_the_edges() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(900, 3)) * 10.0 ** rng.integers(-6, 6, (900, 3))
    values = values.astype(np.float32)
    values[::4], values[1], values[2] = 0, -0.0, 2.0**-10
    values[3], values[5] = -(2.0**12), 1.25
    low, high = histogram.edges()
    counts = histogram.count(values)
    for unit in range(3):
        column = values[:, unit]
        for place, (begin, end) in enumerate(zip(low, high, strict=True)):
            if place == histogram.ZERO:
                inside = column == 0
            elif place > histogram.ZERO:
                inside = (column >= begin) & (column < end) & (column != 0)
            else:
                inside = (column > begin) & (column <= end) & (column != 0)
            assert counts[unit, place] == inside.sum(), (unit, begin, end)
    assert (low[1:] == high[:-1]).all()
    assert counts.sum() == values.size


def test_sample_does_not_depend_on_order_or_parts() -> None:
    values = np.random.default_rng(2).normal(size=(IMAGES, POSITIONS, UNITS)).astype(np.float32)
    numbers = np.arange(IMAGES) + 1000

    def sampled(parts: list[np.ndarray]) -> Reservoir:
        found = Reservoir.empty(40, 5, UNITS)
        for part in parts:
            found.update(values[part], numbers[part])
        found.settle()
        return found

    whole = sampled([np.arange(IMAGES)])
    assert len(whole.key) == 40
    for parts in ([np.arange(30), np.arange(30, IMAGES)], [np.array([i]) for i in range(IMAGES)]):
        other = sampled(parts)
        np.testing.assert_array_equal(other.vector, whole.vector)
        np.testing.assert_array_equal(other.number, whole.number)
    first, second = sampled([np.arange(30, IMAGES)]), sampled([np.arange(30)])
    first.merge(second)
    np.testing.assert_array_equal(first.vector, whole.vector)
    np.testing.assert_array_equal(first.position, whole.position)
    for vector, number, position in zip(whole.vector, whole.number, whole.position, strict=True):
        np.testing.assert_array_equal(vector, values[number - 1000, position])


def test_random_numbers_are_even_and_differ() -> None:
    keys = random_numbers(7, np.arange(400), 49)
    assert len(np.unique(keys)) == keys.size
    shares = keys.ravel() / 2.0**64
    assert stats.kstest(shares, "uniform").pvalue > 1e-3
    # Neither neighbours in an image nor the same position of neighbours go together.
    grid = shares.reshape(keys.shape)
    assert abs(np.corrcoef(grid[:, 1:].ravel(), grid[:, :-1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(grid[1:].ravel(), grid[:-1].ravel())[0, 1]) < 0.03
    assert not np.array_equal(keys, random_numbers(8, np.arange(400), 49))
    np.testing.assert_array_equal(keys[7:9], random_numbers(7, np.arange(7, 9), 49))


def test_no_vectors_may_be_kept() -> None:
    found = Reservoir.empty(0, 0, 2)
    found.update(np.ones((3, 4, 2), np.float32), np.arange(3))
    found.settle()
    assert found.vector.shape == (0, 2)
