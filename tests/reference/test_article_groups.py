"""Neuron groups of the article's own activations, against the groups that it shows."""

from __future__ import annotations

import numpy as np
import pytest

from blockscope.attribution.neuron_groups import group_neurons

UNALIGNED = 0  # of axis 0: groups of both layers made alone, or aligned with each other
NUMBERS = (2, 4, 6, 8, 10)  # groups of mixed4d, for each number of groups of mixed4a


@pytest.fixture
def article(shared):
    with np.load(shared("article/beer_mixed4d_activations.npz")) as data:
        return data["activations"], data["group_factors"][UNALIGNED]


def test_the_choices_that_the_article_offers(article):
    """Unused slots are zero: the last axis tells how many groups each choice has."""
    used = (article[1] != 0).any(axis=(1, 2)).sum(-1)
    assert used.reshape(-1, len(NUMBERS)).tolist() == [list(NUMBERS)] * 6


@pytest.mark.parametrize("choice", range(len(NUMBERS)))
def test_groups_with_their_order(article, choice):
    activations, published = article
    found = group_neurons(activations, NUMBERS[choice])
    expected = published[choice][..., : NUMBERS[choice]]
    for factor in range(NUMBERS[choice]):
        difference = found.spatial[..., factor] - expected[..., factor]
        error = np.linalg.norm(difference) / np.linalg.norm(expected[..., factor])
        assert error < 1e-4, f"group {factor}: relative error {error:.1e}"
    assert found.clipped == 0
