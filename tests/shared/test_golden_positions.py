"""Attribution between positions on real networks, against what Lucid computes."""

from __future__ import annotations

import numpy as np
import pytest
from goldens import CASES, assert_agrees, known

from blockscope.attribution.positions import attribute_positions
from blockscope.engine.batches import Mode
from blockscope.engine.linear_map import LinearMap
from blockscope.images import read_input
from blockscope.models.card import Card
from blockscope.models.network import Network
from blockscope.overrides import OVERRIDES


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("case", CASES)
def test_positions_agree_with_lucid(case, prepared, override, mode):
    _, _, (layer1, layer2) = CASES[case]
    golden, graph, card_path, picture = prepared(case)
    card = Card.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_input(picture)[0])
    rules = OVERRIDES[override]
    linear = LinearMap(network, values, layer1, layer2, rules, known(golden, layer1))
    found = attribute_positions(linear, mode=mode)
    expected = golden[f"spatial_spatial/{override.replace('-', '_')}"]
    # Lucid has NaN where a vector of layer 2 is zero; here that is 0.
    assert_agrees(found, np.nan_to_num(expected))
