"""Logits that are not the first output of their operation, as halves of a dense layer."""

from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from helpers.brought_network import SIZE, brought, logits_of, values
from helpers.onnx_models import array, model, node, save, spread_image

from blockscope.io.errors import BadFile

ONNX_INPUT = {"size": (5, 7), "range": (0.0, 1.0)}
# Keras saves arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
PARTS = {
    "split": lambda x: keras.ops.split(x, 2, axis=-1)[1],
    "uneven split": lambda x: keras.ops.split(x, [2, 4], axis=-1)[2],
    "unstack": lambda x: keras.ops.unstack(keras.ops.reshape(x, (-1, 2, 4)), axis=1)[1],
}
HEADS = {
    "softmax": (keras.ops.softmax, tf.nn.softmax),
    "sigmoid": (keras.ops.sigmoid, tf.nn.sigmoid),
    "log": (keras.ops.log_softmax, tf.nn.log_softmax),
    "none": (lambda x: x, tf.identity),
}


def network(part, head) -> keras.Model:
    keras.utils.set_random_seed(3)
    given = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3, activation="relu")(given))
    x = keras.layers.Dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=2))(x)
    return keras.Model(given, head(part(x)))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("part", PARTS)
def test_a_head_of_a_later_output_has_that_for_logits(tmp_path, part, head):
    made, function = HEADS[head]
    whole = network(PARTS[part], made)
    whole.save(tmp_path / "net.keras")
    card, found = brought(tmp_path / "net.keras", head="none" if head == "none" else None)
    assert (card.head, card.head_assumed) == ("softmax" if head == "log" else head, False)
    expected = whole(values()).numpy()
    np.testing.assert_allclose(function(logits_of(found)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_a_later_output_of_a_saved_model(tmp_path, head):
    """Also where it is itself what the signature returns, which then has no node of its own."""
    made, function = HEADS[head]
    whole = network(PARTS["split"], made)
    whole.export(tmp_path / "net", verbose=False)
    card, found = brought(tmp_path / "net", head="none" if head == "none" else None)
    assert (card.head, card.head_assumed) == ("softmax" if head == "log" else head, False)
    expected = whole(values()).numpy()
    np.testing.assert_allclose(function(logits_of(found)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("last", ["Softmax", "Identity"])
def test_a_later_output_of_an_onnx_file(tmp_path, last):
    nodes = [
        node("Conv", ["x", array(8, 3, 3, 3)], "c"),
        node("GlobalAveragePool", ["c"], "g"),
        node("Flatten", ["g"], "l"),
        node("Split", ["l"], ["first", "second"], axis=1, num_outputs=2),
        node(last, ["second"], "y"),
    ]
    path = save(tmp_path, model(*nodes))
    card, found = brought(path, input=ONNX_INPUT)
    assert (card.head, card.head_assumed) == ("softmax", last == "Identity")
    image = spread_image()
    fed = {found.spec.tensor: image.transpose(0, 2, 3, 1)}
    logits = found.run(fed, [found.logits])[found.logits]
    given = tf.nn.softmax(logits) if last == "Softmax" else logits
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": image})
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)


def with_gate(x):
    return keras.layers.Dense(3, name="beside")(x * keras.ops.sigmoid(x))


@pytest.mark.parametrize("saved", ["net.keras", "net"])
def test_a_gate_in_another_branch_is_no_head(tmp_path, saved):
    keras.utils.set_random_seed(3)
    given = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3, activation="relu")(given))
    x = keras.layers.Dense(4, name="z")(x)
    whole = keras.Model(given, [x, with_gate(x)])
    path = tmp_path / saved
    if saved == "net":
        whole.export(path, verbose=False)
        name = "output_0"
    else:
        whole.save(path)
        name = "z"
    with pytest.raises(BadFile, match=r"is an output of the file, .* give the head that"):
        brought(path, output=name)
    for head in ("softmax", "sigmoid", "none"):
        card, found = brought(path, output=name, head=head)
        assert (card.head, card.head_assumed) == (head, False)
        expected = whole(values())[0].numpy()
        np.testing.assert_allclose(logits_of(found), expected, rtol=1e-5, atol=1e-6)
