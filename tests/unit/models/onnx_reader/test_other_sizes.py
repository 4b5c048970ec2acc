"""What is read for one size of the image, computed for others, as for sprites."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from helpers.onnx_models import array, ints, model, node

from blockscope.feature_visualization.network_view import View
from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.graph.node_attributes import ONE_SIZE
from blockscope.models.network import Network
from blockscope.models.onnx_reader.read import read_onnx

POOL = {"kernel_shape": [3, 3], "strides": [2, 2]}
UNCOUNTED = {**POOL, "pads": [1, 1, 1, 1]}
KERNEL = array(4, 3, 3, 3)
CASES = {
    "convolution": [node("Conv", ["x", KERNEL], pads=[1, 1, 1, 1], strides=[2, 2])],
    "convolution, one behind": [node("Conv", ["x", KERNEL], pads=[0, 0, 1, 1], strides=[2, 2])],
    "convolution, stride 1": [node("Conv", ["x", KERNEL], pads=[1, 1, 1, 1])],
    "convolution, upper": [node("Conv", ["x", KERNEL], auto_pad="SAME_UPPER", strides=[2, 2])],
    "convolution, lower": [node("Conv", ["x", KERNEL], auto_pad="SAME_LOWER", strides=[2, 2])],
    "depthwise": [node("Conv", ["x", array(3, 1, 3, 3)], pads=[1] * 4, strides=[2, 2], group=3)],
    "max": [node("MaxPool", ["x"], **POOL)],
    "max, padded": [node("MaxPool", ["x"], pads=[1, 1, 1, 1], **POOL)],
    "max, rounded up": [node("MaxPool", ["x"], ceil_mode=1, **POOL)],
    "max of two, rounded up": [
        node("MaxPool", ["x"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    ],
    "max, padded, rounded up": [node("MaxPool", ["x"], ceil_mode=1, pads=[1, 1, 1, 1], **POOL)],
    "average": [node("AveragePool", ["x"], **POOL)],
    "average, padded": [node("AveragePool", ["x"], **UNCOUNTED)],
    "average, counted": [node("AveragePool", ["x"], count_include_pad=1, **UNCOUNTED)],
    "average, stride 1": [node("AveragePool", ["x"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
    "average, rounded up": [node("AveragePool", ["x"], ceil_mode=1, **POOL)],
    "average of two, rounded up": [
        node("AveragePool", ["x"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    ],
    "reflected": [node("Pad", ["x", ints(0, 0, 2, 1, 0, 0, 1, 3)], mode="reflect")],
    "repeated at the edge": [node("Pad", ["x", ints(0, 0, 2, 1, 0, 0, 1, 3)], mode="edge")],
    "every second": [node("Slice", ["x", ints(0), ints(2**40), ints(2), ints(2)])],
    "without the last": [node("Slice", ["x", ints(0), ints(-1), ints(3)])],
    "nearest": [node("Resize", ["x", "", np.array([1, 1, 2, 2], "f4")], mode="nearest")],
    "linear": [node("Resize", ["x", "", np.array([1, 1, 2, 2], "f4")], mode="linear")],
}  # fmt: skip
FREE = {
    "convolution", "convolution, one behind", "convolution, stride 1", "convolution, upper",
    "depthwise", "max", "max, padded", "max, rounded up", "max of two, rounded up",
    "max, padded, rounded up", "average", "average, counted", "average, stride 1",
    "average of two, rounded up", "every second", "reflected",
}  # fmt: skip
SIZES = (8, 9, 10, 11)


def read(name: str, size: int, folder):
    path = folder / "net.onnx"
    built = model(*CASES[name], shape=("n", 3, "h", "w"))
    path.write_bytes(built.SerializeToString())
    found = read_onnx(path, (size, size))
    spec = InputSpec(tensor=found.input, size=(size, size), range=(0, 1))
    return path, Network(found.definition, spec, found.outputs["y"])


@pytest.mark.parametrize("name", CASES)
def test_a_network_is_the_same_at_every_size_or_says_so(name, tmp_path, rng):
    for size, other in itertools.permutations(SIZES, 2):
        path, network = read(name, size, tmp_path)
        tied = any(ONE_SIZE in each.attr for each in network.definition.node)
        assert tied is (name not in FREE)
        if tied:
            continue
        x = rng.normal(size=(1, 3, other, other)).astype("f4")
        (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
        fed = {network.spec.tensor: x.transpose(0, 2, 3, 1)}
        values = network.run(fed, [network.logits])[network.logits].numpy()
        assert values.size == expected.size
        np.testing.assert_allclose(values.reshape(-1), expected.reshape(-1), atol=1e-5)


def test_sprites_of_such_a_layer_are_refused(tmp_path):
    _, network = read("linear", 9, tmp_path)
    words = r"images of 8 x 8 pixels: '.*' \(Resize.*\) before it is right for 9 x 9 alone; choose"
    objective: Any = SimpleNamespace(layers=[network.logits], terms=())
    with pytest.raises(BadFile, match=words):
        View(network, objective, 8)
    View(network, objective, 9)
