"""Keras 3 models that were saved by TensorFlow: their numbers are those of the Keras model."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import SIZE, brought, logits_of, values
from tensorflow.core.protobuf import saved_model_pb2

from blockscope.io.errors import BadFile

layers = keras.layers

# Keras itself, writing variables with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def functional() -> keras.Model:
    image = keras.Input((*SIZE, 3))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3, activation="relu")(image))
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.3)(x))
    return keras.Model(image, layers.Dense(4)(x))


def sequential() -> keras.Model:
    parts = [layers.Conv2D(6, 3), layers.BatchNormalization(), layers.ReLU()]
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(4)]
    return keras.Sequential([keras.Input((*SIZE, 3)), *parts, *ends])


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(6, 3, activation="relu")
        self.norm, self.dense = layers.BatchNormalization(), layers.Dense(4)

    def call(self, x, training=False):
        return self.dense(tf.reduce_mean(self.norm(self.conv(x), training=training), [1, 2]))


class OfEqualNames(keras.Model):  # type: ignore[misc]
    """Two layers whose variables have the same names and shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (layers.Conv2D(3, 3, name="conv") for _ in range(2))
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(tf.reduce_mean(self.second(self.first(x)), [1, 2]))


def with_values(model: keras.Model) -> keras.Model:
    """Give every variable its own values, moments too."""
    model(values())
    random = np.random.default_rng(1)
    for variable in model.weights:
        if variable.dtype == "float32":
            variable.assign(random.uniform(0.2, 1, variable.shape).astype(np.float32))
    return model


@pytest.mark.parametrize("build", [functional, sequential, Subclassed, OfEqualNames])
def test_a_keras_model_that_tensorflow_saved(tmp_path: Path, build) -> None:
    model = with_values(build())
    tf.saved_model.save(model, str(tmp_path / "saved"))
    _, network = brought(tmp_path / "saved")
    expected = np.asarray(model(values(), training=False))
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-6)


@pytest.mark.parametrize("without", ["objects", "files"])
def test_a_variable_without_a_value_is_named(tmp_path: Path, without: str) -> None:
    tf.saved_model.save(with_values(sequential()), str(tmp_path / "saved"))
    path = tmp_path / "saved/saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    if without == "objects":
        saved.meta_graphs[0].ClearField("object_graph_def")
        path.write_bytes(saved.SerializeToString())
    else:
        shutil.rmtree(tmp_path / "saved/variables")
    words = r"the variable .*/bias', of which no value is stored.* or by model.export\(folder\)"
    with pytest.raises(BadFile, match=words):
        brought(tmp_path / "saved")


def test_a_short_file_of_variables_is_told(tmp_path: Path) -> None:
    sequential().export(tmp_path / "saved", verbose=False)
    path = tmp_path / "saved/variables/variables.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadFile, match="cannot be loaded: Read less bytes than requested"):
        brought(tmp_path / "saved")
