"""Likeness of maps: rank correlation against SciPy, SSIM against a slow restatement, summaries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from blockscope.attribution.scores.sanity import WORDS, RandomisedMaps, compare_maps, similarity
from blockscope.attribution.scores.structural_similarity import structural_similarity
from blockscope.io.correlation import correlation

SHAPE = (5, 9, 7)


def maps(seed: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.3, 1, shape).astype(np.float32)


def window() -> np.ndarray:
    """Return the window of Wang et al., written from its formula."""
    at = range(-5, 6)
    found = np.array([[np.exp(-(y * y + x * x) / (2 * 1.5**2)) for x in at] for y in at])
    return found / found.sum()


def slow_ssim(a: np.ndarray, b: np.ndarray, signed: bool) -> float:
    """Return the mean SSIM of two maps (row, col), position by position."""
    a, b = (x.astype(float) / np.abs(x).max() for x in (a, b))
    if signed:
        a, b = (0.5 + 0.5 * x for x in (a, b))
    c1, c2 = 0.01**2, 0.03**2
    weights, found = window(), []
    padded = [np.pad(x, 5, "symmetric") for x in (a, b)]
    for row in range(a.shape[0]):
        for col in range(a.shape[1]):
            p, q = (x[row : row + 11, col : col + 11] for x in padded)
            mp, mq = (weights * p).sum(), (weights * q).sum()
            vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
            both = (weights * (p - mp) * (q - mq)).sum()
            up = (2 * mp * mq + c1) * (2 * both + c2)
            found.append(up / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return float(np.mean(found))


def test_rank_correlation_is_that_of_scipy_with_ties():
    first, second = np.round(maps(1), 1), np.round(maps(2) + maps(1), 1)
    found = similarity(first, second)
    for label in range(SHAPE[0]):
        a, b = first[label].ravel(), second[label].ravel()
        wanted = spearmanr(a, b).statistic, spearmanr(np.abs(a), np.abs(b)).statistic
        got = found["rank_correlation"][label], found["absolute_rank_correlation"][label]
        np.testing.assert_allclose(got, wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [SHAPE, (3, 14, 14), (2, 2, 3), (2, 1, 4), (2, 3, 25)])
def test_ssim_is_the_formula(shape):
    first, second = maps(3, shape), maps(4, shape) + maps(3, shape)
    for signed, convert in ((True, np.asarray), (False, np.abs)):
        a, b = convert(first), convert(second)
        wanted = [slow_ssim(p, q, signed) for p, q in zip(a, b, strict=True)]
        np.testing.assert_allclose(structural_similarity(a, b, signed), wanted, atol=1e-12)


def test_the_window_is_the_one_of_scipy():
    a = np.abs(maps(5, (1, 9, 14)).astype(float))
    b = np.abs(maps(6, (1, 9, 14)).astype(float))
    a, b = a / a.max(), b / b.max()
    blur = lambda x: gaussian_filter(x, 1.5, radius=5, axes=(1, 2), mode="reflect")  # noqa: E731
    ma, mb = blur(a), blur(b)
    va, vb, both = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    wanted = ((2 * ma * mb + c1) * (2 * both + c2)) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    np.testing.assert_allclose(structural_similarity(a, b, False), wanted.mean((1, 2)), atol=1e-12)


def test_equal_maps_are_alike_and_opposite_ones_only_without_sign():
    first = maps(7)
    for scale in (1, 3e-5):
        np.testing.assert_allclose(list(similarity(first, scale * first).values()), 1, atol=1e-6)
    found = similarity(first, -first)
    np.testing.assert_allclose(found["rank_correlation"], -1)
    assert (found["ssim"] < 0).all()
    for name in ("absolute_rank_correlation", "absolute_ssim"):
        np.testing.assert_allclose(found[name], 1)


@pytest.mark.parametrize("value", [0, 0.1, -3])
def test_a_constant_map_has_no_number(value):
    first, second = maps(8), maps(9)
    second[1] = value
    for pair in ((first, second), (second, first)):
        for name, numbers in similarity(*pair).items():
            assert np.isnan(numbers[1]), name
            assert np.isfinite(np.delete(numbers, 1)).all(), name


@pytest.mark.parametrize("count", [3, 49, 196])
def test_a_constant_row_has_no_correlation_whatever_is_rounded(count):
    rows = np.random.default_rng(1).normal(size=(4, count))
    constant = np.array([[0.1], [0.3], [1e9 + 0.7], [-0.7]]) + np.zeros(count)
    assert np.isnan(correlation(constant, rows)).all()
    assert np.isnan(correlation(rows, constant)).all()


def made(seed: int, above="low", kind="cascading", moved=False, array=None) -> RandomisedMaps:
    array = maps(100 + seed) if array is None else array
    return RandomisedMaps(f"net.{above}.{seed}", above, kind, seed, moved, array)


def test_mean_and_deviation_are_those_over_the_seeds_of_a_place():
    trained = maps(10)
    others = [made(0), made(1), made(2), made(5, "deep", moved=True), made(6, kind="independent")]
    found = compare_maps(trained, others)
    assert found["above"].values.tolist() == ["low", "deep", "low"]
    assert found["kind"].values.tolist() == ["cascading", "cascading", "independent"]
    assert found["moved"].values.tolist() == [0, 1, 0]
    assert found["network"].values.tolist() == [other.network for other in others]
    assert found["network_place"].values.tolist() == [0, 0, 0, 1, 2]
    for name in WORDS:
        numbers = np.stack([similarity(trained, other.maps)[name] for other in others])
        np.testing.assert_allclose(found[name], numbers, rtol=1e-6)
        mean, deviation = found[f"{name}_mean"], found[f"{name}_deviation"]
        np.testing.assert_allclose(mean[0], numbers[:3].mean(0), rtol=1e-5)
        np.testing.assert_allclose(deviation[0], numbers[:3].std(0, ddof=1), rtol=1e-5)
        np.testing.assert_allclose(mean[1:], numbers[3:], rtol=1e-6)
        assert np.isnan(deviation[1:]).all()
        assert (found[f"{name}_count"].values == [[3], [1], [1]]).all()


def test_constant_maps_are_left_out_of_the_mean_and_counted():
    trained, flat = maps(10), maps(11)
    flat[2] = 0
    others = [made(0), made(1, array=flat), made(2)]
    found = compare_maps(trained, others)
    for name in WORDS:
        assert np.isnan(found[name][1, 2])
        assert found[f"{name}_count"].values.tolist() == [[3, 3, 2, 3, 3]]
        kept = found[name].values[[0, 2], 2]
        np.testing.assert_allclose(found[f"{name}_mean"][0, 2], kept.mean(), rtol=1e-5)
    none = compare_maps(trained, [made(1, array=np.zeros(SHAPE, np.float32))])
    assert np.isnan(none["ssim_mean"]).all()
    assert (none["ssim_count"] == 0).all()
