"""Attribution between positions on real networks, against what Lucid computes."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.lucid_cases import CASES, assert_agrees, each_case, known

from blockscope.attribution.positions import attribute_positions
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.images import read_png
from blockscope.models.card import ModelCard
from blockscope.models.network import Network


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("case", each_case())
def test_positions_agree_with_lucid(case, prepared, override, mode):
    _, _, (layer1, layer2) = CASES[case]
    golden, graph, card_path, image = prepared(case)
    card = ModelCard.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_png(image)[0])
    rules = OVERRIDES[override]
    linear = LinearMap(network, values, layer1, layer2, rules, known(golden, layer1))
    found = attribute_positions(linear, mode=mode)
    expected = golden[f"spatial_spatial/{override.replace('-', '_')}"]
    # Lucid has NaN where a vector of layer 2 is zero; here that is 0.
    assert_agrees(found, np.nan_to_num(expected))
