"""The program in docs/tensorflowjs.md, run on files as TensorFlow.js has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from google.protobuf import json_format
from helpers.code_of_pages import blocks_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras 3

STEPS = 255  # of the bytes that weights are stored as


def convert(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the page's program in a folder."""
    (program,) = blocks_of("tensorflowjs.md")
    monkeypatch.chdir(folder)
    exec(compile(program, "tensorflowjs.md", "exec"), {})


def write(folder: Path, topology: Any, weights: dict[str, npt.NDArray[np.float32]]) -> None:
    """Write a model as TensorFlow.js has it: every other weight in bytes, the rest as it is."""
    web = folder / "networks" / "web"
    web.mkdir(parents=True)
    listed, data = [], b""
    for number, (name, value) in enumerate(weights.items()):
        entry: dict[str, Any] = {"name": name, "shape": list(value.shape), "dtype": "float32"}
        if number % 2:
            data += value.tobytes()
        else:
            least = float(value.min())
            scale = (float(value.max()) - least) / STEPS or 1.0
            data += np.round((value - least) / scale).astype(np.uint8).tobytes()
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": least}
        listed.append(entry)
    half = len(data) // 2
    for path, part in {"one": data[:half], "two": data[half:]}.items():
        (web / path).write_bytes(part)
    manifest = [{"paths": ["one", "two"], "weights": listed}]
    (web / "model.json").write_text(
        json.dumps({"modelTopology": topology, "weightsManifest": manifest})
    )


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    given = keras.Input((10, 14, 3))
    x = keras.layers.Conv2D(4, (3, 2), activation="relu", name="first")(given)
    x = keras.layers.DepthwiseConv2D(3, name="apart")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, keras.layers.Dense(3, activation="softmax", name="dense")(x))


def image() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).random((1, 10, 14, 3), np.float32)


def test_a_layers_model(tmp_path, monkeypatch):
    model = network()
    weights = {
        f"{layer.name}/{'depthwise_' if layer.name == 'apart' and w.name == 'kernel' else ''}"
        f"{w.name}": w.numpy()
        for layer in model.layers
        for w in layer.weights
    }
    assert "apart/depthwise_kernel" in weights
    write(tmp_path, {"model_config": json.loads(model.to_json())}, weights)
    convert(tmp_path, monkeypatch)
    found = keras.models.load_model("networks/web.keras")
    for mine, theirs in zip(found.weights, model.weights, strict=True):
        size = np.ptp(theirs.numpy()) / STEPS
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=0, atol=size)
    np.testing.assert_allclose(found(image()), model(image()), rtol=0, atol=0.01)


def test_a_graph_model(tmp_path, monkeypatch):
    kernel = np.random.default_rng(2).normal(size=(3, 2, 3, 4)).astype(np.float32)
    bias = np.linspace(-1, 2, 4, dtype=np.float32)
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 10, 14, 3], "input")
        x = tf.nn.conv2d(x, tf.constant(kernel, name="kernel"), 2, "SAME")
        tf.nn.relu(tf.nn.bias_add(x, tf.constant(bias, name="bias")), "output")
    definition = graph.as_graph_def()
    for node in definition.node:
        if node.op == "Const":
            node.attr["value"].tensor.ClearField("tensor_content")
    write(tmp_path, json_format.MessageToDict(definition), {"bias": bias, "kernel": kernel})
    convert(tmp_path, monkeypatch)
    found = tf.compat.v1.GraphDef.FromString(Path("networks/web.pb").read_bytes())
    read = {node.name: node.attr["value"].tensor for node in found.node if node.op == "Const"}
    np.testing.assert_array_equal(tf.make_ndarray(read["kernel"]), kernel)
    np.testing.assert_allclose(tf.make_ndarray(read["bias"]), bias, rtol=0, atol=3 / STEPS)
    assert [node.op for node in found.node] == [node.op for node in definition.node]
