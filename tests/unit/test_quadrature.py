"""Rules of integration, and refinement until the parts add up."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.attribution.quadrature import gauss, integrate_to, left


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_gauss_is_exact_for_polynomials_up_to_its_degree(steps):
    rule = gauss(steps)
    for degree in range(2 * steps):
        assert rule.weights @ rule.nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-12)


def test_gauss_is_not_exact_beyond_its_degree():
    rule = gauss(2)
    assert rule.weights @ rule.nodes**4 == pytest.approx(1 / 5 - 1 / 180)


def test_a_rule_moves_to_another_interval():
    rule = gauss(3).between(0.5, 2)
    assert rule.weights @ rule.nodes**4 == pytest.approx((2**5 - 0.5**5) / 5, rel=1e-12)


def test_left_takes_zero_and_leaves_one_out():
    rule = left(4)
    assert rule.nodes.tolist() == [0, 0.25, 0.5, 0.75]
    assert rule.weights.tolist() == [0.25] * 4


def stairs(rng, jumps: int, entries: int):
    """Slopes that jump, and the height that they add up to."""
    places = np.sort(rng.random(jumps))
    levels = rng.normal(1, 3, (jumps + 1, entries))
    edges = np.concatenate([[0], places, [1]])

    def slope(t):
        return levels[np.searchsorted(places, t)]

    def height(t):
        spans = np.clip(t[:, None] - edges[:-1], 0, np.diff(edges))
        return (spans @ levels).sum(1)

    return slope, height, np.diff(edges) @ levels


def test_smooth_slopes_need_few_steps():
    found = integrate_to(
        1e-3,
        lambda t: np.stack([t**2, np.cos(t)], 1),
        lambda t: t**3 / 3 + np.sin(t),
    )
    assert found.steps == 16
    np.testing.assert_allclose(found.value, [1 / 3, np.sin(1)], rtol=1e-6)
    assert found.error < 1e-6


def test_jumps_are_found(rng):
    slope, height, exact = stairs(rng, jumps=3, entries=5)
    found = integrate_to(1e-4, slope, height)
    assert found.steps < 200
    assert found.value.sum() == pytest.approx(exact.sum(), rel=1e-4)
    assert np.abs(found.value - exact).max() < 1e-3 * np.abs(exact).max()
    even = np.mean(slope((np.arange(found.steps) + 0.5) / found.steps), 0)
    assert np.abs(found.value - exact).max() < np.abs(even - exact).max()


def test_what_is_left_when_the_steps_end_is_told(rng):
    slope, height, exact = stairs(rng, jumps=400, entries=5)
    found = integrate_to(1e-9, slope, height, most=64)
    assert 64 <= found.steps < 128
    missing = abs(found.value.sum() - exact.sum())
    assert 0 < missing <= found.error * np.abs(found.value).sum() * (1 + 1e-9)


def test_nothing_is_nothing():
    found = integrate_to(1e-3, lambda t: np.zeros((len(t), 4)), np.zeros_like)
    assert found.value.tolist() == [0, 0, 0, 0]
    assert (found.error, found.steps) == (0, 16)
