"""Attribution between the channels of two layers: against loops, and in the cheaper mode."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tiny_network import in_tensorflow, linear_of, sequence
from oracles.channels import between

from blockscope.attribution.grad_x_activation import attribute_channels
from blockscope.autodiff.batches import REVERSE_COST
from blockscope.autodiff.linear_map import LinearMap


@pytest.fixture
def taken(monkeypatch) -> list[str]:
    """Return the list of modes taken."""
    modes = []
    for name in ("jvp", "vjp"):
        function = getattr(LinearMap, name)

        def noted(self, *given, name=name, function=function):
            modes.append(name)
            return function(self, *given)

        monkeypatch.setattr(LinearMap, name, noted)
    return modes


@pytest.mark.parametrize(("wanted", "mode"), [(None, "jvp"), ([4, 1], "jvp"), ([5], "vjp")])
def test_equals_the_formula_in_loops_in_the_cheaper_mode(wanted, mode, rng, taken):
    x, part = rng.normal(0.5, 1, (7, 9, 3)), sequence()[:4]
    found = attribute_channels(linear_of(in_tensorflow(part), x), wanted)
    expected = [between(part, x, k) for k in (range(6) if wanted is None else wanted)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert set(taken) == {mode}
    assert (len(expected) * REVERSE_COST >= 3) == (mode == "jvp")
