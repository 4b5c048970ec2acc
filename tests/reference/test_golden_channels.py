"""Attribution to channels of real networks, against what Lucid computes on the same graphs."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.lucid_cases import CASES, assert_agrees, known

from blockscope.attribution.contrasts import LOGSUMEXP, NO_REFERENCE, Contrast
from blockscope.attribution.integrated_gradients import ChannelPaths
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.io.images import read_input
from blockscope.models.card import ModelCard
from blockscope.models.network import Network

# Its labels are almost equally likely, so that the path takes hundreds of steps: half a minute.
LONGEST = "squeezenet_flowers_fire5_fire9"


@pytest.fixture(params=CASES)
def golden_and_paths(request, prepared):
    golden, graph, card_path, image = prepared(request.param)
    card = ModelCard.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_input(image)[0])
    layer = CASES[request.param][2][0]
    first, second = (int(index) for index in golden["labels"][:2])
    contrasts = [Contrast(first, second), Contrast(first, NO_REFERENCE), Contrast(first, LOGSUMEXP)]
    rules, value = OVERRIDES["none"], known(golden, layer)
    gradients = Gradients(network, values, layer, card.logits, rules, value)
    return golden, ChannelPaths(gradients, contrasts)


def test_all_methods_of_the_notebook(golden_and_paths):
    golden, paths = golden_and_paths
    linear = paths.linear().values
    for row, name in enumerate(("diff", "none", "logsumexp")):
        assert_agrees(linear[row], golden[f"channel/{name}"])
    only_diff = ChannelPaths(paths.gradients, paths.contrasts[:1])
    assert_agrees(only_diff.left().values[0], golden["channel/path100"])
    assert_agrees_or_is_undecided(only_diff, golden)


def assert_agrees_or_is_undecided(paths, golden):
    """Compare noisy integrated gradients where rounding decides nothing, and its range elsewhere.

    A ReLU at a point of the path can be so near zero that the last bit of a convolution, which
    another processor rounds otherwise, turns it on: its gradient jumps. How much of a channel is
    undecided in this way shows the same path with noise changed by three units of its last digits.
    """
    noise, expected = golden["channel/stochastic_noise"], golden["channel/stochastic100"]
    found = [paths.stochastic(noise).values[0]]
    for seed in range(4):
        signs = np.random.default_rng(seed).choice([-1, 1], noise.shape)
        found.append(paths.stochastic((noise * (1 + 3e-7 * signs)).astype(noise.dtype)).values[0])
    scale = np.abs(expected).max()
    undecided = np.ptp(found, axis=0)
    assert undecided.max() <= 1e-3 * scale
    assert np.median(undecided) <= 1e-5 * scale
    assert (np.abs(found[0] - expected) <= 1e-5 * scale + undecided).all()


@pytest.mark.parametrize(
    "golden_and_paths",
    [pytest.param(case, marks=[pytest.mark.slow] * (case == LONGEST)) for case in CASES],
    indirect=True,
)
def test_the_path_is_complete_to_its_tolerance(golden_and_paths):
    """For every contrast, and near the plain sum of many steps, which ignores completeness.

    In one case the two labels are almost equally likely: their rise is 0.3 % of what cancels.
    """
    golden, paths = golden_and_paths
    found = paths.path()
    assert np.abs(paths.completeness_error(found.values)).max() < 1e-3
    assert found.quadrature_error.max() < 0.01
    assert found.steps.max() < 1000
    nearer = np.abs(found.values[0] - golden["channel/path100"]).max()
    assert nearer < 0.05 * np.abs(golden["channel/path100"]).max()
