"""Gradients where a function has a kink: those that PyTorch takes."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.onnx_models import SHAPE, Both, array, ints, model, node

SIX = [np.float32(0), np.float32(6)]


@pytest.mark.parametrize(
    ("nodes", "value", "gradient"),
    [
        ([node("Clip", ["x", *SIX])], 0.0, 0.0),
        ([node("Clip", ["x", *SIX])], 6.0, 0.0),
        ([node("Clip", ["x", np.float32(0)])], 0.0, 0.0),
        ([node("HardSigmoid", ["x"], alpha=1 / 6)], -3.0, 0.0),
        ([node("HardSigmoid", ["x"], alpha=1 / 6)], 3.0, 0.0),
        ([node("PRelu", ["x", np.array([0.25], np.float32)])], 0.0, 0.25),
        ([node("PRelu", ["x", np.full((3, 1, 1), 0.25, np.float32)])], 0.0, 0.25),
        ([node("LeakyRelu", ["x"], alpha=0.25)], 0.0, 0.25),
        ([node("ReduceL2", ["x", ints(1)])], 0.0, 0.0),
        ([node("LpNormalization", ["x"], axis=1)], 1e-30, None),
    ],
)
def test_at_a_kink(nodes, value, gradient, tmp_path):
    both = Both.of(tmp_path, model(*nodes))
    image = np.full(SHAPE, value, np.float32)
    weights = np.ones(both.onnxruntime(image).size, np.float32)
    found = both.gradient(image, weights)
    assert np.isfinite(found).all()
    if gradient is not None:
        np.testing.assert_allclose(found, gradient, atol=1e-7)


def test_of_equal_values_the_first_in_the_window_is_the_largest(tmp_path):
    both = Both.of(tmp_path, model(node("MaxPool", ["x"], kernel_shape=[5, 7])))
    found = both.gradient(np.ones(SHAPE, np.float32), array(3))
    assert (np.argwhere(found)[:, 2:] == 0).all()
