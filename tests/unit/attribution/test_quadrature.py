"""Quadrature rules, and refinement until the parts add up."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.attribution.quadrature import (
    MAX_QUADRATURE_ERROR,
    gauss_legendre,
    integrate_adaptive,
    left_riemann,
)


@pytest.mark.parametrize("steps", [1, 2, 5, 16])
def test_gauss_is_exact_for_polynomials_up_to_its_degree(steps):
    rule = gauss_legendre(steps)
    for degree in range(2 * steps):
        assert rule.weights @ rule.nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-12)


def test_gauss_is_not_exact_beyond_its_degree():
    rule = gauss_legendre(2)
    assert rule.weights @ rule.nodes**4 == pytest.approx(1 / 5 - 1 / 180)


def test_left_takes_zero_and_leaves_one_out():
    rule = left_riemann(4)
    assert rule.nodes.tolist() == [0, 0.25, 0.5, 0.75]
    assert rule.weights.tolist() == [0.25] * 4


def stairs(rng, jumps: int, entries: int):
    """Slopes that jump, with the height that they add up to, and their integrals."""
    places = np.sort(rng.random(jumps))
    levels = rng.normal(1, 3, (jumps + 1, entries))
    edges = np.concatenate([[0], places, [1]])

    def look(t):
        spans = np.clip(t[:, None] - edges[:-1], 0, np.diff(edges))
        return levels[np.searchsorted(places, t)], (spans @ levels).sum(1)

    return look, np.diff(edges) @ levels


def smooth(t):
    return np.stack([t**2, np.cos(t)], 1), t**3 / 3 + np.sin(t)


def test_smooth_slopes_need_few_steps():
    found = integrate_adaptive(1e-3, smooth)
    assert found.steps < 30
    exact = np.array([1 / 3, np.sin(1)])
    np.testing.assert_allclose(found.value, exact, rtol=4e-3)
    assert found.value.sum() == pytest.approx(exact.sum(), rel=1e-3)
    assert (
        np.abs(found.value - exact).sum()
        < found.error * exact.sum()
        < MAX_QUADRATURE_ERROR * exact.sum()
    )


@pytest.mark.parametrize("jumps", [3, 60, 300])
def test_jumps_are_found_and_the_error_is_about_what_is_told(jumps, rng):
    look, exact = stairs(rng, jumps, entries=5)
    found = integrate_adaptive(1e-4, look)
    assert found.value.sum() == pytest.approx(exact.sum(), rel=1e-4)
    off = np.abs(found.value - exact).sum() / np.abs(found.value).sum()
    assert off < 2 * found.error <= 2 * MAX_QUADRATURE_ERROR


def test_the_sum_of_entries_that_cancel_is_met(rng):
    """The entries' sizes are 400 times what they add up to, as for two labels equally likely."""
    look, exact = stairs(rng, jumps=300, entries=6)
    lift = exact.sum() - np.abs(exact).sum() / 400

    def lowered(t):
        slopes, heights = look(t)
        return slopes - [lift, 0, 0, 0, 0, 0], heights - lift * t

    found = integrate_adaptive(1e-3, lowered)
    rise = exact.sum() - lift
    assert abs(rise) < 0.005 * np.abs(found.value).sum()
    assert abs(found.value.sum() - rise) <= 1e-3 * abs(rise)
    assert found.error <= MAX_QUADRATURE_ERROR
    assert found.steps < 1600


def test_every_value_is_a_sum_of_slopes_that_were_seen(rng):
    """What is missing in the sum is not spread over the entries."""
    look, _ = stairs(rng, jumps=40, entries=5)
    seen = []

    def noted(t):
        seen.extend(t)
        return look(t)

    found = integrate_adaptive(1e-3, noted)
    places = np.sort(seen)
    assert len(set(seen)) == found.steps == len(seen)
    np.testing.assert_allclose(found.value, np.trapezoid(look(places)[0], places, axis=0))


def test_what_is_left_when_the_steps_end_is_told(rng):
    look, exact = stairs(rng, jumps=400, entries=5)
    found = integrate_adaptive(1e-9, look, max_nodes=64)
    assert 64 <= found.steps < 128
    missing = abs(found.value.sum() - exact.sum())
    assert 0 < missing <= found.error * np.abs(found.value).sum() * (1 + 1e-9)


def test_it_ends_where_single_precision_does():
    """A height that jumps fits no slopes: halving goes on only until intervals are too short."""
    found = integrate_adaptive(1e-3, lambda t: (np.ones((len(t), 1)), t + 2 * (t > 0.3)))
    assert found.steps < 40
    assert found.value[0] == pytest.approx(1)
    assert found.error == pytest.approx(2)


def test_heights_that_hardly_rise_need_no_more_steps_than_their_rounding_allows(rng):
    """Logits of 30 that a layer changes by 1e-5: the sum can be no better than their rounding."""
    look, exact = stairs(rng, jumps=20, entries=5)
    scale = 1e-5 / exact.sum()

    def rounded(t):
        slopes, heights = look(t)
        return slopes * scale, (heights * scale + 30).astype(np.float32).astype(np.float64)

    limited = integrate_adaptive(1e-3, rounded, max_nodes=2000)
    assert limited.steps > 1000
    found = integrate_adaptive(1e-3, rounded, resolution=3e-5)
    wanted = integrate_adaptive(1e-3, look)
    assert found.steps <= 2 * wanted.steps
    off = np.abs(found.value - exact * scale).sum() / np.abs(found.value).sum()
    assert off < 2 * found.error <= 2 * MAX_QUADRATURE_ERROR


@pytest.mark.parametrize("height", [np.nan, np.inf])
def test_it_ends_at_once_where_nothing_is_finite(height):
    found = integrate_adaptive(1e-3, lambda t: (np.ones((len(t), 1)), np.where(t > 0.9, height, 0)))
    assert found.steps == 9


def test_nothing_is_nothing():
    found = integrate_adaptive(1e-3, lambda t: (np.zeros((len(t), 4)), np.zeros_like(t)))
    assert found.value.tolist() == [0, 0, 0, 0]
    assert (found.error, found.steps) == (0, 9)
