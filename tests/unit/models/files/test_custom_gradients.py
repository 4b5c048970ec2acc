"""Gradients that a network defines by itself: those of its operations, or refused."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf

from blockscope.io.errors import BadFile
from blockscope.models.entry import ModelEntry
from blockscope.models.files.custom_gradients import custom_gradients
from blockscope.models.files.formats import Graph, read_graph

SIZE = (10, 14)
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning"),
]


def network(activation: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    given = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(6, 3, activation=activation)(given)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, keras.layers.Dense(4, activation="softmax")(x))


def read(folder: Path, model: keras.Model) -> Graph:
    path = folder / "net.keras"
    model.save(path)
    content = {"graph": str(path), "labels": "labels.txt", "input": {"size": SIZE, "range": (0, 1)}}
    return read_graph(path, ModelEntry.model_validate(content))


def test_one_that_is_that_of_the_operations_is_read(tmp_path):
    model = network("swish")
    traced = tf.function(model).get_concrete_function(tf.TensorSpec((None, *SIZE, 3)))
    assert custom_gradients(traced.graph.as_graph_def())
    assert not custom_gradients(read(tmp_path, model).definition)


def test_quantised_weights_are_refused(tmp_path):
    model = network("relu")
    assert not custom_gradients(read(tmp_path, model).definition)
    model.quantize("int8")
    words = "gradient that the network defines .* straight-through .* is not that of what they comp"
    with pytest.raises(BadFile, match=words):
        read(tmp_path, model)
