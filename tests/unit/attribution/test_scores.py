"""Scores of maps: against Quantus and Captum, slow restatements, and what theory says."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
from oracles.scores_of_others import LABELS, STORED, case
from sklearn.metrics import average_precision_score

from blockscope.attribution.scores.cells import over_pixels
from blockscope.attribution.scores.curves import (
    area,
    counts_of,
    curves_of,
    knowing_ends,
    random_curves,
    ranks_of,
)
from blockscope.attribution.scores.ground_truth import (
    average_precision,
    mass_accuracy,
    pointing_game,
    rank_accuracy,
)
from blockscope.attribution.scores.infidelity import infidelity, random_sets
from blockscope.attribution.scores.sensitivity import max_sensitivity, noisy_points
from blockscope.attribution.scores.sparseness import gini
from blockscope.io.errors import BadFile

SIZE = (5, 7)
OBJECT_SCORES = [pointing_game, mass_accuracy, rank_accuracy, average_precision]


@pytest.fixture(scope="module")
def others() -> dict:
    return json.loads(STORED.read_text())


@pytest.fixture(scope="module")
def given() -> dict:
    return case()


def logits(given, images):
    hidden = images.reshape(len(images), -1) @ given["first"] + given["bias"]
    return np.maximum(hidden, 0) @ given["second"]


def erased(given):
    """Return the evaluation of the small network where the other pixels are zero."""
    return lambda kept: logits(given, given["image"] * kept)


def linear(weights):
    """Return the evaluation of a linear network with a bias: (batch, label)."""
    return lambda kept: kept.reshape(len(kept), -1) @ weights + 2.5


# Curves


def test_deletion_and_insertion_are_those_of_quantus(given, others):
    found = curves_of(given["maps"][None], erased(given), steps=35)
    np.testing.assert_array_equal(found.counts, np.arange(36))
    np.testing.assert_allclose(found.deletion[0, :, 1:], others["deletion"], rtol=1e-5, atol=1e-6)
    # Put in the strongest k: take away the weakest 35 - k first.
    backwards = np.array(others["least_first"])[:, ::-1]
    np.testing.assert_allclose(found.insertion[0, :, :-1], backwards, rtol=1e-5, atol=1e-6)
    whole = logits(given, given["image"][None])[0]
    np.testing.assert_allclose(found.deletion[0, :, 0], whole)
    np.testing.assert_allclose(found.insertion[0, :, -1], whole)
    expected = np.trapezoid(np.c_[whole, others["deletion"]], dx=1 / 35, axis=1)
    np.testing.assert_allclose(area(found.deletion, found.counts)[0], expected, rtol=1e-5)


def test_each_map_is_scored_for_its_own_label(given):
    maps = np.stack([given["maps"], given["maps"][::-1]])
    found = curves_of(maps, erased(given), steps=4)
    for place in np.ndindex(2, LABELS):
        order = np.argsort(-maps[place].ravel(), kind="stable")
        for n, count in enumerate(found.counts):
            kept = np.ones(35, bool)
            kept[order[:count]] = False
            expected = logits(given, given["image"] * [kept.reshape(SIZE), ~kept.reshape(SIZE)])
            assert found.deletion[place][n] == pytest.approx(expected[0, place[1]])
            assert found.insertion[place][n] == pytest.approx(expected[1, place[1]])


def test_equal_sets_are_evaluated_once(given):
    asked = []

    def noting(kept):
        asked.append(len(kept))
        return logits(given, given["image"] * kept)

    curves_of(np.repeat(given["maps"][None], 4, 0), noting, steps=5)
    random_curves(SIZE, noting, orders=3, seed=0, steps=5)
    assert asked == [2 * LABELS * 4 + 2, 3 * 4 + 2]


def test_ends_are_known_and_scores_may_have_more_axes(given):
    """As those of several baselines, (batch, label, baseline)."""
    asked = []

    def twice(kept):
        asked.append(len(kept))
        scores = logits(given, given["image"] * kept)
        shares = np.broadcast_to(-kept.mean((1, 2))[:, None], scores.shape)
        return np.stack([scores, shares], -1)

    knowing = knowing_ends(twice, SIZE)
    found = curves_of(given["maps"][None], knowing, steps=5)
    drawn = random_curves(SIZE, knowing, orders=3, seed=0, steps=5)
    assert asked == [2, 2 * LABELS * 4, 3 * 4]
    assert found.deletion.shape == (1, LABELS, 2, 6)
    assert drawn.deletion.shape == (3, LABELS, 2, 6)
    for one, expected in (
        (found, curves_of(given["maps"][None], erased(given), steps=5)),
        (drawn, random_curves(SIZE, erased(given), orders=3, seed=0, steps=5)),
    ):
        np.testing.assert_allclose(one.deletion[..., 0, :], expected.deletion)
        np.testing.assert_allclose(one.insertion[..., 0, :], expected.insertion)
        share = np.broadcast_to(one.counts / 35, expected.deletion.shape)
        np.testing.assert_allclose(one.deletion[..., 1, :], share - 1)
        np.testing.assert_allclose(one.insertion[..., 1, :], -share)
    # Where there is nothing between both ends.
    single = knowing_ends(lambda kept: kept.sum((1, 2))[:, None] + 0.5, (1, 1))
    assert curves_of(np.ones((1, 1, 1, 1)), single).deletion.tolist() == [[[1.5, 0.5]]]


def test_random_orders_give_the_analytic_area_on_a_linear_network(rng):
    weights = rng.normal(size=(4, 3))
    whole, nothing = weights.sum(0) + 2.5, np.full(3, 2.5)
    # All 24 orders of a map of 2 x 2: exactly the mean of both ends.
    orders = np.array(list(itertools.permutations(range(4))), float).reshape(24, 1, 2, 2)
    found = curves_of(np.repeat(orders, 3, 1), linear(weights), steps=4)
    for curve in (found.deletion, found.insertion):
        areas = area(curve, found.counts).mean(0)
        np.testing.assert_allclose(areas, (whole + nothing) / 2, rtol=1e-12)
    # Drawn ones of 5 x 7: within four standard errors, and no further from it by chance.
    weights = rng.normal(size=(35, 3))
    drawn = random_curves(SIZE, linear(weights), orders=400, seed=3)
    for curve in (drawn.deletion, drawn.insertion):
        areas = area(curve, drawn.counts)
        error = areas.std(0, ddof=1) / 20
        assert (np.abs(areas.mean(0) - (weights.sum(0) / 2 + 2.5)) < 4 * error).all()
        assert (error > 0).all()


def test_random_curves_are_what_their_orders_give(given):
    found = random_curves(SIZE, erased(given), orders=3, seed=8)
    drawn = np.random.default_rng(8).random((3, 1, *SIZE))
    expected = curves_of(np.repeat(drawn, LABELS, 1), erased(given))
    np.testing.assert_array_equal(found.deletion, expected.deletion)
    back = curves_of(np.repeat(-drawn, LABELS, 1), erased(given))
    np.testing.assert_allclose(found.insertion, back.insertion)
    assert (found.deletion[0] != found.deletion[1]).any()


def test_the_best_order_of_a_linear_network_bounds_all_others(rng):
    weights = rng.normal(size=(35, 1))
    best = curves_of(weights.reshape(1, 1, *SIZE), linear(weights))
    drawn = random_curves(SIZE, linear(weights), orders=50, seed=0)
    areas = area(drawn.deletion, drawn.counts)
    assert area(best.deletion, best.counts)[0, 0] < areas.min()
    assert area(best.insertion, best.counts)[0, 0] > areas.max()


def test_ties_go_in_row_major_order_and_maps_without_numbers_are_refused():
    np.testing.assert_array_equal(ranks_of(np.zeros((2, 3))), np.arange(6))
    np.testing.assert_array_equal(ranks_of(np.array([[1.0, 3, 1], [3, -1, 2]])), [3, 0, 4, 1, 5, 2])
    for wrong in (np.nan, np.inf):
        with pytest.raises(BadFile, match="map is not finite in 1 of 2 entries"):
            ranks_of(np.array([[1.0, wrong]]))


def test_the_points_of_a_curve():
    np.testing.assert_array_equal(counts_of(3), [0, 1, 2, 3])
    np.testing.assert_array_equal(counts_of(1), [0, 1])
    found = counts_of(196)
    assert len(found) == 11
    assert (found[0], found[-1]) == (0, 196)
    for positions in (1, 2, 35, 49, 196):
        counts = counts_of(positions)
        np.testing.assert_array_equal(positions - counts[::-1], counts)


# Against masks


@pytest.mark.parametrize("score", OBJECT_SCORES[:3])
def test_scores_against_masks_are_those_of_quantus(given, others, score):
    found = [score(*pair) for pair in zip(given["maps"], given["masks"], strict=True)]
    np.testing.assert_allclose(found, others[score.__name__], rtol=1e-6)
    assert len(set(others[score.__name__])) > 1


def test_average_precision_is_the_mean_of_precisions_at_the_hits(given):
    for one, mask in zip(given["maps"], given["masks"], strict=True):
        hits = mask.ravel()[np.argsort(-one.ravel())]
        precision = np.cumsum(hits) / np.arange(1, 36)
        assert average_precision(one, mask) == pytest.approx(precision[hits].mean())


def test_a_constant_map_scores_what_chance_gives():
    mask = np.zeros(SIZE, bool)
    mask[1:4, 2:5] = True
    for score in OBJECT_SCORES[:3]:
        assert score(np.full(SIZE, 0.3), mask) == pytest.approx(9 / 35), score
    for score in (pointing_game, rank_accuracy):
        assert score(np.zeros(SIZE), mask) == pytest.approx(9 / 35), score
    # The first pixels of an order by lot count more than their share: 1/1 + 1/2 + ... over all.
    first = sum(1 / n for n in range(1, 36)) / 35
    expected = first + (1 - first) * 8 / 34
    for value in (0.0, 0.3):
        assert average_precision(np.full(SIZE, value), mask) == pytest.approx(expected)
    large = np.zeros((224, 224), bool)
    large[50:90, 70:120] = True
    assert average_precision(np.zeros(large.shape), large) == pytest.approx(large.mean(), abs=3e-4)
    assert np.isnan(mass_accuracy(np.zeros(SIZE), mask))
    assert np.isnan(mass_accuracy(np.full(SIZE, -1.0), mask))


def test_ties_count_as_the_mean_over_all_orders(rng):
    coarse = rng.integers(0, 3, (2, 4)).astype(float)
    mask = np.array([[1, 0, 1, 1], [0, 0, 1, 0]], bool)
    kept = []
    for order in itertools.permutations(range(8)):
        place = np.lexsort((np.array(order), -coarse.ravel()))
        hits = mask.ravel()[place]
        precision = (np.cumsum(hits) / np.arange(1, 9))[hits].mean()
        kept.append((hits[:4].mean(), hits[0], precision))
    expected = np.mean(kept, 0)
    assert rank_accuracy(coarse, mask) == pytest.approx(expected[0])
    assert pointing_game(coarse, mask) == pytest.approx(expected[1])
    assert average_precision(coarse, mask) == pytest.approx(expected[2], rel=1e-12)


def test_without_ties_average_precision_is_that_of_scikit_learn(rng):
    for size in ((1, 1), (3, 5), (40, 56)):
        pixels = rng.permutation(size[0] * size[1]).reshape(size) - 4.0
        mask = rng.random(size) < 0.3
        mask[0, 0] = True
        expected = average_precision_score(mask.ravel(), pixels.ravel())
        assert average_precision(pixels, mask) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("cells", "pixels"), [(14, 299), (28, 299), (56, 299), (3, 7), (7, 7)])
def test_a_centre_on_an_edge_is_in_the_cell_behind_it(cells, pixels):
    found = over_pixels(np.arange(cells)[:, None] * np.ones(1, int), (pixels, 1))[:, 0]
    expected = [Fraction(2 * pixel + 1, 2) * cells // pixels for pixel in range(pixels)]
    assert found.tolist() == expected


def test_a_map_of_the_mask_itself_is_perfect_and_signs_count(rng):
    mask = rng.random(SIZE) < 0.3
    for score in OBJECT_SCORES:
        assert score(mask.astype(float), mask) == 1
        assert score(np.where(mask, -1.0, 1.0), mask) < 0.5
    assert mass_accuracy(np.where(mask, 1.0, -5.0), mask) == 1


def test_masks_without_pixels_or_of_another_size_are_refused(rng):
    for score in OBJECT_SCORES:
        with pytest.raises(ValueError, match="a mask has no pixel"):
            score(rng.normal(size=SIZE), np.zeros(SIZE, bool))
        with pytest.raises(ValueError, match=r"a map of \(5, 7\) pixels has a mask of \(7, 5\)"):
            score(rng.normal(size=SIZE), np.ones(SIZE[::-1], bool))
        with pytest.raises(BadFile, match="map is not finite"):
            score(np.full(SIZE, np.nan), np.ones(SIZE, bool))


@pytest.mark.parametrize("score", OBJECT_SCORES)
def test_a_mask_of_numbers_is_refused(rng, score):
    inside = np.zeros(SIZE, np.uint8)
    inside[1:3, 2:4] = 1
    with pytest.raises(ValueError, match="a mask is of uint8, expected bool"):
        score(rng.normal(size=SIZE), inside)


def test_maps_of_bytes_are_ranked_as_their_numbers():
    grey = np.array([[[0, 200, 7]]], np.uint8)
    assert ranks_of(grey).tolist() == ranks_of(grey.astype(float)).tolist() == [[2, 0, 1]]
    assert ranks_of(grey > 7).tolist() == [[1, 0, 2]]


def test_pixels_belong_to_the_cell_that_holds_their_centre():
    grid = np.arange(6).reshape(2, 3)
    expected = [[0, 0, 1, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 4, 5, 5]] * 3
    np.testing.assert_array_equal(over_pixels(grid, SIZE), expected)
    np.testing.assert_array_equal(over_pixels(grid[None], (2, 3))[0], grid)


@pytest.mark.parametrize("size", [(4, 7), (5, 6)])
def test_positions_without_a_pixel_are_refused(size):
    words = f"a layer of 5 x 7 positions is finer than the network's input of {size[0]} x {size[1]}"
    with pytest.raises(BadFile, match=words):
        over_pixels(np.zeros((2, *SIZE)), size)


# Sparseness, infidelity, sensitivity


def test_sparseness_is_that_of_quantus(given, others):
    np.testing.assert_allclose(gini(given["maps"]), others["sparseness"], rtol=1e-6)


def test_sparseness_goes_from_equal_to_one_position(given):
    single = np.zeros((3, *SIZE))
    single[0], single[1, 2, 3] = -1, -4
    found = gini(single)
    np.testing.assert_allclose(found[:2], [0, 1 - 1 / 35], atol=1e-12)
    assert np.isnan(found[2])
    np.testing.assert_allclose(gini(-3 * given["maps"]), gini(given["maps"]))


def test_infidelity_is_that_of_captum(given, others):
    whole = logits(given, given["image"][None])
    losses = whole - logits(given, given["image"] * ~given["sets"])
    found = infidelity(given["maps"], given["sets"], losses)
    np.testing.assert_allclose(found, others["infidelity"], rtol=1e-5)
    several = infidelity(np.stack([given["maps"], 7 * given["maps"]]), given["sets"], losses)
    np.testing.assert_allclose(several, [found, found])  # the scale of a map does not count


def test_the_terms_of_a_linear_network_have_no_infidelity(rng):
    weights = rng.normal(size=(35, 2))
    sets = random_sets(SIZE, 20, seed=1)
    losses = linear(weights)(np.ones((1, *SIZE), bool)) - linear(weights)(~sets)
    maps = weights.T.reshape(2, *SIZE)
    np.testing.assert_allclose(infidelity(maps, sets, losses), 0, atol=1e-20)
    zeros = infidelity(np.zeros_like(maps), sets, losses)
    np.testing.assert_allclose(zeros, (losses**2).mean(0))
    assert (infidelity(maps[::-1], sets, losses) > 0.1).all()


def gradient_x_input(given):
    def explain(points):
        hidden = points.reshape(len(points), -1) @ given["first"] + given["bias"]
        gradients = np.einsum("bh,xh,hl->lbx", hidden > 0, given["first"], given["second"])
        return gradients.reshape(LABELS, len(points), *SIZE) * points

    return explain


def test_sensitivity_is_that_of_captum(given, others):
    explain = gradient_x_input(given)
    maps = explain(given["image"][None])[:, 0]
    found = max_sensitivity(maps, explain(given["image"] + given["noise"]))
    np.testing.assert_allclose(found, others["sensitivity"], rtol=1e-6)


def test_sensitivity_of_what_does_not_change_and_of_nothing(given):
    maps = np.repeat(given["maps"][:, None], 4, 1)
    np.testing.assert_array_equal(max_sensitivity(maps[:, 0], maps), 0)
    assert np.isnan(max_sensitivity(0 * maps[:, 0], maps)).all()


def test_noise_is_as_large_as_asked(given):
    near = noisy_points(given["image"].astype("f4"), seed=2, radius=0.25, samples=40)
    width = 0.25 * np.sqrt((given["image"] ** 2).mean())
    noise = near - given["image"].astype("f4")
    assert near.shape == (40, *SIZE)
    assert near.dtype == np.float32
    assert 0.98 * width < np.abs(noise).max() <= width * (1 + 1e-5)
    assert abs(noise.mean()) < width / 10
