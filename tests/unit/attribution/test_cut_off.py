"""DiFull's test (Rao et al. 2022): what the logits do not depend on gets exactly nothing."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.repository import ROOT

from blockscope.attribution.ablation import exact_losses, single_positions
from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.rivals import RIVALS, rival_maps
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.exact_changes import ExactChanges
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from studies.blocks1000.cut_off import cut_off
from studies.blocks1000.hard_scenes import hard_scenes
from studies.blocks1000.scoring import LOGITS, load

LABELS = [7, 410, 999]


@pytest.fixture(scope="module")
def network():
    return load(ROOT / "src/blockscope/resources/blocks1000/graph.pb")


@pytest.fixture(scope="module")
def values(network):
    return network.values(next(hard_scenes(11, 1)).image)


def quarter():
    kept = np.zeros((14, 14), bool)
    kept[:7, 7:] = True
    return kept


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("override", OVERRIDES)
def test_positions_that_are_cut_off_get_exactly_nothing(network, values, override, mode):
    """Under every override: the cut lies at the layer, before any pooling that it replaces."""
    cut = cut_off(network, "mixed4d", quarter())
    linear = LinearMap(cut, values, "mixed4d", LOGITS, OVERRIDES[override])
    found = attribute_labels(linear, LABELS, mode=mode)
    assert not found[:, ~quarter()].any()
    assert np.abs(found[:, quarter()]).max() > 0.1


def test_so_say_the_rivals_but_for_grad_cam(network, values):
    """Its weights are means over all positions, so that it draws whatever is active."""
    cut = cut_off(network, "mixed4d", quarter())
    gradients = Gradients(cut, values, "mixed4d", LOGITS, OVERRIDES["none"])
    for name, maps in rival_maps(gradients, gradients.value[None], LABELS).items():
        leaks = maps[:, 0][:, ~quarter()].any()
        assert leaks == (name == "grad_cam"), name
    assert "grad_cam" in RIVALS


@pytest.mark.parametrize("override", OVERRIDES)
def test_so_it_is_outside_of_what_a_later_cut_depends_on(network, values, override):
    """Two rows are left of mixed5a, which see rows up to the 11th: poolings, convolutions."""
    kept = np.zeros((7, 7), bool)
    kept[:2] = True
    cut = cut_off(network, "mixed5a", kept)
    linear = LinearMap(cut, values, "mixed4d", LOGITS, OVERRIDES[override])
    found = attribute_labels(linear, LABELS)
    assert not found[:, 12:].any()
    assert np.abs(found[:, :8]).max() > 0.02
    gradients = Gradients(cut, values, "mixed4d", LOGITS, OVERRIDES["none"])
    lost = exact_losses(ExactChanges(gradients), single_positions(gradients.value, "zero"), LABELS)
    assert np.abs(lost.reshape(3, 14, 14)[:, 12:]).max() < 1e-4  # of logits of ten: rounding
