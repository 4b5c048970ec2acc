"""Networks that cannot be read: one sentence says what was found and what to do."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import INPUT, SIZE, brought, logits_of, values
from helpers.tiny_network import weights

from blockscope.io.errors import BadFile

v1, layers = tf.compat.v1, keras.layers
KEYS = {"input": INPUT | {"tensor": "input"}, "logits": "logits"}
UNROLL = r"repeats a part of the network, as layers of LSTM.*give these layers unroll=True in Keras"

# Keras itself, writing variables with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def of_layers(*parts: keras.layers.Layer) -> keras.Model:
    x = image = keras.Input((*SIZE, 3))
    for part in (*parts, layers.Flatten(), layers.Dense(4)):
        x = part(x)
    return keras.Model(image, x)


def freeze(path: Path, build) -> Path:
    """Write a graph whose logits are what ``build`` makes of the image."""
    with tf.Graph().as_default() as graph:
        image = v1.placeholder(tf.float32, [None, *SIZE, 3], "input")
        tf.identity(build(image), name="logits")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def means(x, count: int = 4):
    return tf.reduce_mean(x, [1, 2]) @ weights((3, count), 1).astype(np.float32)


@pytest.mark.parametrize("exported", [False, True])
@pytest.mark.parametrize(
    "parts",
    [
        (layers.Reshape((35, 12)), layers.LSTM(5)),
        (layers.Reshape((35, 12)), layers.GRU(5)),
        (layers.Reshape((2, 5, 14, 3)), layers.ConvLSTM2D(5, 3)),
    ],
    ids=["LSTM", "GRU", "ConvLSTM2D"],
)
def test_loops_of_keras(tmp_path: Path, parts, exported) -> None:
    model = of_layers(*parts)
    path = tmp_path / ("exported" if exported else "net.keras")
    model.export(path, verbose=False) if exported else model.save(path)
    with pytest.raises(BadFile, match=rf"node '.*/while' \(While\) {UNROLL}"):
        brought(path)


def test_a_loop_that_is_unrolled(tmp_path: Path) -> None:
    model = of_layers(layers.Reshape((5, 84)), layers.LSTM(5, unroll=True))
    model.save(tmp_path / "net.keras")
    _, network = brought(tmp_path / "net.keras")
    np.testing.assert_allclose(logits_of(network), model(values()), atol=1e-5)


def test_loops_of_tensorflow_1(tmp_path: Path) -> None:
    def build(x):
        v1.disable_control_flow_v2()
        try:
            _, x = v1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 2), [0, x])
        finally:
            v1.enable_control_flow_v2()
        return means(tf.reshape(x, [-1, *SIZE, 3]))

    path = freeze(tmp_path / "net.pb", build)
    with pytest.raises(BadFile, match=rf"node 'while/NextIteration\w*' \(NextIteration\) {UNROLL}"):
        brought(path, **KEYS)


class Twice(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x):
        return x * 2


def twice(x):
    return x * 2


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Twice, r"needs the (class|layer) 'Twice', which is not part of Keras; export .*export\(f"),
        (lambda: layers.Activation(twice), "needs the function 'twice', which is not part of Ker"),
        (lambda: layers.Conv2D(4, 3, activation=twice), "needs the function 'twice', which is not"),
        (
            lambda: layers.Lambda(lambda x: x * 2),
            "has a Lambda layer, whose function is Python code, which is not run; export the model",
        ),
    ],
)
def test_python_code_in_a_keras_file(tmp_path: Path, part, words, ending) -> None:
    model, path = of_layers(part()), tmp_path / f"net{ending}"
    model.save(path)
    with pytest.raises(BadFile, match=rf"Keras file '\S+net{ending}' {words}") as caught:
        brought(path)
    assert "\n" not in str(caught.value)
    model.export(tmp_path / "exported", verbose=False)  # as the message says
    _, network = brought(tmp_path / "exported")
    np.testing.assert_allclose(logits_of(network), model(values()), rtol=1e-5)


def test_weights_alone_are_no_network(tmp_path: Path) -> None:
    of_layers().save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(BadFile, match=r"holds weights alone; save the whole model, by model.save"):
        brought(tmp_path / "net.weights.h5")


@keras.saving.register_keras_serializable("tests")
class WithoutInputs(keras.Model):  # type: ignore[misc]
    def __init__(self, **keys) -> None:
        super().__init__(**keys)
        self.dense = keras.layers.Dense(4)

    def call(self, x):
        return self.dense(tf.reduce_mean(x, [1, 2]))


def test_a_model_that_does_not_know_its_inputs(tmp_path: Path) -> None:
    model = WithoutInputs()
    model(values())
    model.save(tmp_path / "net.keras")
    with pytest.raises(BadFile, match=r"has no fixed inputs and outputs; export it by model.exp"):
        brought(tmp_path / "net.keras")


def test_a_layer_that_an_image_does_not_fit(tmp_path: Path) -> None:
    image = keras.Input((None, None, 3))
    x = layers.Reshape((35, 12))(image)
    keras.Model(image, layers.Dense(4)(layers.Flatten()(x))).save(tmp_path / "net.keras")
    words = r"cannot be computed for images of 10 x 16 pixels \(models catalogue: input.size\): The"
    with pytest.raises(BadFile, match=words):
        brought(tmp_path / "net.keras", input=INPUT | {"size": (10, 16)})


@pytest.mark.parametrize(
    ("kind", "shape", "example"),
    [
        (tf.bool, [], r"bool one number\).* as in feed: {other: false}, or exp"),
        (tf.float32, [None, 2, 3], r"as in feed: {other: \[\[1, 1, 1\], \[1, 1, 1\]\]}, or"),
        (tf.int32, [2], r"as in feed: {other: \[1, 1\]}, or"),
        (tf.float32, [None, None], r"as in feed: {other: \[1\]}, or"),
        (tf.float32, None, r"as in feed: {other: 1}, or"),
        (tf.float32, [50], r"as in feed: {other: \[1, 1, 1, 1, ...\]}, or"),
        (tf.string, [], r"beside the image 'input'; export the network for inference"),
        (tf.float32, [1, 1, 1, 1], r"beside the image 'input'; export the network for inference"),
    ],
)
def test_an_example_of_what_is_fed_fits_the_input(tmp_path: Path, kind, shape, example) -> None:
    def build(x):
        other = v1.placeholder(kind, shape, "other")
        number = tf.strings.length(other) if kind == tf.string else other
        return means(x) + tf.reduce_sum(tf.cast(number, tf.float32))

    path = freeze(tmp_path / "net.pb", build)
    with pytest.raises(BadFile, match=r"need the input 'other' .*" + example):
        brought(path, **KEYS)


@pytest.mark.parametrize(
    "squeezed",
    [lambda x: tf.squeeze(means(x, 1), 1), lambda x: tf.reshape(means(x, 1), [-1, 1, 1])],
)
def test_a_single_logit_of_another_shape(tmp_path: Path, squeezed) -> None:
    path = freeze(tmp_path / "net.pb", squeezed)
    (tmp_path / "one.json").write_text('["a"]')
    keys = KEYS | {"labels": str(tmp_path / "one.json"), "head": "sigmoid"}
    card, network = brought(path, **keys)
    assert (card.outputs, card.logits) == (1, "logits/flat")
    np.testing.assert_allclose(logits_of(network), means(values(), 1), rtol=1e-5)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_logits_along_one_axis_of_several(tmp_path: Path, place: int) -> None:
    sizes = [-1, *(4 if axis == place else 1 for axis in (1, 2, 3))]
    card, network = brought(
        freeze(tmp_path / "net.pb", lambda x: tf.reshape(means(x), sizes)), **KEYS
    )
    assert card.outputs == 4
    np.testing.assert_allclose(logits_of(network), means(values()), rtol=1e-5)


def test_logits_without_an_axis_of_images(tmp_path: Path) -> None:
    path = freeze(tmp_path / "net.pb", lambda x: tf.squeeze(means(x)[:1]))
    words = r"have the shape \(4,\) for 1 of them, without an axis of images; .* give the tensor be"
    with pytest.raises(BadFile, match=words):
        brought(path, **KEYS)


def test_logits_of_every_position(tmp_path: Path) -> None:
    path = freeze(tmp_path / "net.pb", lambda x: x @ weights((3, 4), 1).astype(np.float32))
    words = r"'logits' have the shape \(1, 10, 14, 4\); valid: \(image, logit\), .*catalogue: logi"
    with pytest.raises(BadFile, match=words):
        brought(path, **KEYS)
