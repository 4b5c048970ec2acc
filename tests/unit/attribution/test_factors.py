"""Factors: properties, both recipes, both methods."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.tiny_files import classes_of
from sklearn.decomposition import NMF

from blockscope.attribution import factors
from blockscope.attribution.factors import (
    METHODS,
    factorise,
    factorise_jointly,
    factorise_layer,
    label_matrix,
    named_factors,
    normalise_by_mean,
    top_table,
)
from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.label_scores import highest_labels


def two_patterns(rng, rows=5, cols=7, labels=30):
    """Non-negative data of exact rank two: a left pattern and a right one."""
    spatial = np.zeros((rows, cols, 2))
    spatial[:, :3, 0] = rng.uniform(2, 3, (rows, 3))
    spatial[:, 4:, 1] = rng.uniform(0.5, 1, (rows, cols - 4))
    vectors = rng.uniform(0, 1, (2, labels))
    vectors[0, labels // 2 :] = 0
    return spatial @ vectors, spatial, vectors


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_nmf_finds_the_patterns_in_order_of_their_size(rng):
    data, spatial, vectors = two_patterns(rng)
    found = factorise([data], 2)
    assert found.relative_errors[0] < 1e-2
    for factor in range(2):
        assert correlation(found.spatial[0][..., factor], spatial[..., factor]) > 0.99
        assert correlation(found.labels[factor], vectors[factor]) > 0.95
    assert found.spatial[0].min() >= 0
    assert found.labels.min() >= 0


@pytest.mark.parametrize("method", ["nmf", "pca"])
def test_two_runs_are_equal_to_the_bit(method, rng):
    data = two_patterns(rng)[0] + rng.uniform(0, 0.1, (5, 7, 30))
    first, second = (factorise([data], 4, method) for _ in range(2))
    np.testing.assert_array_equal(first.spatial[0], second.spatial[0])
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize("method", ["nmf", "pca"])
def test_permuted_labels_give_permuted_factors(method, rng):
    data = two_patterns(rng)[0]
    order = rng.permutation(30)
    straight, permuted = factorise([data], 2, method), factorise([data[..., order]], 2, method)
    np.testing.assert_allclose(permuted.labels, straight.labels[:, order], atol=2e-3)
    np.testing.assert_allclose(permuted.spatial[0], straight.spatial[0], atol=2e-3)


def test_pca_is_that_of_the_covariance(rng):
    data = rng.normal(size=(5, 7, 6))
    found = factorise([data], 3, "pca")
    centred = data.reshape(35, 6) - data.reshape(35, 6).mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    for factor, vector in enumerate(vectors.T[::-1][:3]):
        vector = vector * np.sign(vector[np.abs(vector).argmax()])
        np.testing.assert_allclose(found.labels[factor], vector, atol=1e-9)
        np.testing.assert_allclose(
            found.spatial[0][..., factor].ravel(), centred @ vector, atol=1e-9
        )
    left_over = values[::-1][3:].sum()
    np.testing.assert_allclose(
        found.relative_errors[0] ** 2 * (data**2).sum(), left_over, rtol=1e-9
    )


def test_more_factors_than_the_rank_are_zero_and_all_are_numbers(rng):
    """nndsvd starts from 0 / 0 there, with some arrays; scikit-learn 1.9.1 keeps the NaN."""
    met = 0
    for _ in range(20):
        layer = np.zeros((5, 7, 3))
        layer[..., 1] = rng.uniform(0, 1, (5, 7)) * (rng.uniform(0, 1, (5, 7)) > 0.3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            met += np.isnan(NMF(3, init="nndsvd").fit_transform(layer.reshape(-1, 3))).any()
        found = factorise([layer, 2 * layer], 3)
        assert np.isfinite(found.labels).all()
        assert all(np.isfinite(part).all() for part in found.spatial)
        np.testing.assert_allclose(found.relative_errors, 0, atol=0.01)
        assert found.spatial[1].shape == (5, 7, 3)
    assert met, "no array gave NaN; is the second attempt still needed?"


@pytest.mark.parametrize("n", [1, 3, 7])
def test_any_number_of_factors(n, rng):
    found = factorise([rng.uniform(size=(5, 7, 30))], n)
    assert found.spatial[0].shape == (5, 7, n)
    assert found.labels.shape == (n, 30)


def test_more_factors_explain_more(rng):
    data = rng.uniform(size=(5, 7, 30))
    errors = [factorise([data], n).relative_errors[0] for n in (1, 3, 7)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("method", METHODS)
def test_the_order_in_memory_changes_no_bit(rng, method):
    data = np.abs(rng.normal(size=(5, 7, 30)))
    stored = np.ascontiguousarray(data.transpose(2, 0, 1)).transpose(1, 2, 0)
    found = [factorise([array, array], 3, method) for array in (data, stored)]
    np.testing.assert_array_equal(found[0].labels, found[1].labels)
    for one, other in zip(found[0].spatial, found[1].spatial, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("method", METHODS)
def test_a_layer_without_positive_attribution_gives_zeros(method):
    found = factorise([np.zeros((5, 7, 30))], 2, method)
    assert not found.spatial[0].any()
    assert found.relative_errors == [None]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_named_where_there_is_nothing(rng, method):
    found, labels = factorise_layer(classes_of(-np.abs(rng.normal(size=(5, 7, 30)))), 2, method)
    dataset = named_factors(found, labels, top=3)
    assert set(dataset["top_label"].to_numpy().ravel()) == {""}
    assert set(dataset["top_index"].to_numpy().ravel()) == {-1}
    assert top_table(dataset).empty


def test_labels_without_weight_are_not_named():
    data = np.zeros((5, 7, 30))
    data[:2, :, 4] = 3
    data[2:, :, 9] = 2
    found, labels = factorise_layer(classes_of(data), 2)
    table = top_table(named_factors(found, labels, top=4))
    assert table["label"].tolist() == ["label 4", "label 9"]
    assert table["rank"].tolist() == [1, 1]


def test_too_many_factors_are_refused_with_the_limit():
    with pytest.raises(BadFile, match=r"cannot fit 36 factors: 5 x 7 positions, .* valid: 1 to 35"):
        factorise([np.ones((5, 7, 40))], 36)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("power", [-1000, -60, -41, -12, 30, 900])
def test_the_scale_of_a_layer_changes_nothing_else(power, method, rng):
    """NMF takes numbers below 1e-6 for zero: of a small layer it found nothing."""
    layers = [rng.random((6, 6, 20)), rng.random((4, 3, 20))]
    expected = factorise([np.ldexp(x, -2) for x in layers], 3, method)
    found = factorise([np.ldexp(x, power) for x in layers], 3, method)
    np.testing.assert_allclose(found.relative_errors, expected.relative_errors, rtol=1e-6)
    for one, other in zip(found.spatial, expected.spatial, strict=True):
        product = np.ldexp(one @ found.labels + found.means[0], -power - 2)
        wanted = other @ expected.labels + expected.means[0]
        np.testing.assert_allclose(product, wanted, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 0.7, 1e5])
def test_usual_layers_are_fitted_as_they_are(scale, rng, monkeypatch):
    layer = rng.random((6, 6, 20))
    layer *= scale / layer.max()
    found = factorise([layer], 3)
    monkeypatch.setattr(factors, "USUAL", (0.0, np.inf))  # none is scaled
    np.testing.assert_array_equal(found.spatial[0], factorise([layer], 3).spatial[0])


LAYER = np.ones((3, 3, 4))


@pytest.mark.parametrize(
    ("layers", "n", "words"),
    [
        (LAYER, 2, r"^layers are factorised as a list of arrays .* found one ndarray; give a list"),
        ([], 2, r"^layers are factorised as a list .* found none; give a list of one or more$"),
        ([LAYER[0]], 2, r"^attributions of a layer are float64 of shape \(3, 4\); .*col, label\)$"),
        ([LAYER.tolist()], 2, r"^attributions of a layer are list; valid: a NumPy array"),
        ([LAYER, LAYER[..., :3]], 2, r"^layers have 4, 3 labels; valid: the same labels in each"),
        ([-LAYER], 2, r"^NMF factorises numbers that are not negative, found -1; .*'pca'$"),
        ([LAYER * np.nan], 2, r"^attribution is not finite in 36 of 36 entries"),
        (
            [LAYER],
            2.0,
            r"^cannot fit 2.0 factors: 3 x 3 positions, 4 labels; valid: 1 to 4, as an in",
        ),
        ([LAYER], True, r"^cannot fit True factors: .* 1 to 4, as an integer \(table of runs"),
        ([LAYER], "2", r"^cannot fit '2' factors"),
    ],
)
def test_what_cannot_be_factorised_is_refused_in_a_sentence(layers, n, words):
    with pytest.raises(BadFile, match=words):
        factorise(layers, n)


def test_unknown_method_is_refused_with_the_valid_ones():
    with pytest.raises(UnknownName, match="unknown factorisation method 'ica'; valid: nmf, pca"):
        factorise([np.ones((5, 7, 40))], 2, "ica")


def test_recipe_alone_clips_and_takes_every_label(rng):
    data = rng.normal(size=(5, 7, 30))
    found, labels = factorise_layer(classes_of(data), 2)
    expected = factorise([np.maximum(data.astype(np.float32), 0)], 2)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert labels.sizes["label"] == 30


def test_recipe_joint_takes_the_most_probable_and_shares_label_vectors(rng):
    early, late = rng.normal(size=(10, 14, 30)), rng.normal(size=(5, 7, 30))
    probability = rng.permutation(30) / 435
    files = [classes_of(array, probability) for array in (late, early)]
    fitted, labels = factorise_jointly(files[0], files[0], 2, labels=12)
    moved, _ = factorise_jointly(files[0], files[1], 2, labels=12)
    np.testing.assert_array_equal(fitted.labels, moved.labels)
    assert moved.spatial[0].shape == (10, 14, 2)
    assert np.all(np.diff(labels["probability"]) < 0)
    assert labels["probability"][0] == np.float32(29 / 435)


def test_recipe_joint_does_not_depend_on_the_scale_of_a_layer(rng):
    early, late = rng.normal(size=(10, 14, 30)), rng.normal(size=(5, 7, 30))
    straight, _ = factorise_jointly(classes_of(late), classes_of(early), 2)
    scaled, _ = factorise_jointly(classes_of(1000 * late), classes_of(0.01 * early), 2)
    np.testing.assert_allclose(scaled.spatial[0], 0.01 * straight.spatial[0], atol=1e-5)
    assert scaled.relative_errors[0] == pytest.approx(straight.relative_errors[0], rel=1e-5)


def test_division_by_the_mean_leaves_an_empty_layer_alone():
    same, unit = normalise_by_mean(np.zeros((2, 3, 4)))
    np.testing.assert_array_equal(same, np.zeros((2, 3, 4)))
    assert unit == 1
    divided, unit = normalise_by_mean(np.full((2, 3, 4), 7.0))
    assert (divided.mean(), unit) == (1, 7)


def test_ties_in_probability_keep_the_order_of_the_logits():
    tied = classes_of(np.ones((2, 2, 4)), np.array([0.2, 0.4, 0.2, 0.2]))
    assert highest_labels(tied, 3).tolist() == [1, 0, 2]


def test_axes_are_read_by_name_not_by_order(rng):
    dataset = classes_of(rng.normal(size=(5, 7, 4)))
    turned = dataset.transpose("col", "label", "row")
    np.testing.assert_array_equal(label_matrix(turned), label_matrix(dataset))


def test_top_labels_are_the_largest_weights(rng):
    found, labels = factorise_layer(classes_of(two_patterns(rng)[0]), 2)
    dataset = named_factors(found, labels, top=3)
    for factor in range(2):
        order = np.argsort(-found.labels[factor])[:3]
        assert dataset["top_index"][factor].to_numpy().tolist() == (order + 1).tolist()
        assert dataset["top_label"][factor].to_numpy().tolist() == [f"label {i}" for i in order]
    table = top_table(dataset)
    assert table[["factor", "rank"]].to_numpy().tolist() == [
        [f, r] for f in (1, 2) for r in (1, 2, 3)
    ]
    assert table["index"].tolist() == dataset["top_index"].to_numpy().ravel().tolist()
