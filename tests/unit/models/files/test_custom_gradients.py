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


def written(function) -> type[keras.Layer]:
    """Return a layer that does what a function does, as a file may name it."""

    class Written(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x):
            return function(x)

    return keras.saving.register_keras_serializable(name=function.__name__)(Written)


@tf.custom_gradient
def reversed_gradient(x):
    return tf.identity(x), lambda upstream: -upstream


@tf.custom_gradient
def straight_through(x):
    return tf.round(x), lambda upstream: upstream


@tf.custom_gradient
def clipped(x):
    return 2 * x, lambda upstream: tf.clip_by_value(2 * upstream, -0.5, 0.5)


@tf.custom_gradient
def cheaper(x):
    both = tf.square(x), 3 * x
    return both, lambda first, second: 2 * x * first + 3 * second


def sum_of_both(x):
    return tf.add(*cheaper(x))


def infinite_at_zero(x):
    return tf.sqrt(tf.nn.relu(x))


def with_layers(*functions) -> keras.Model:
    keras.utils.set_random_seed(1)
    given = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(6, 3, activation="swish")(given)
    for function in functions:
        x = written(function)(name=function.__name__)(x)
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


@pytest.mark.parametrize("function", [reversed_gradient, straight_through, clipped])
@pytest.mark.parametrize("more", [(), (infinite_at_zero,)], ids=["", "behind it NaN"])
def test_another_one_is_refused_whatever_lies_around_it(tmp_path, function, more):
    with pytest.raises(BadFile, match=f"defines for 1 operation .*{function.__name__}"):
        read(tmp_path, with_layers(function, *more))


@pytest.mark.parametrize("more", [(), (infinite_at_zero,)], ids=["", "behind it NaN"])
def test_the_same_of_several_results_is_read(tmp_path, more):
    assert not custom_gradients(read(tmp_path, with_layers(sum_of_both, *more)).definition)
