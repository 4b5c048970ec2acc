"""Files with several inputs, outputs, signatures or graphs: one is chosen, or the choice asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import weights

from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model

SIZE = (10, 14)
INPUT = {"size": SIZE, "range": (0.0, 1.0)}
Read = Callable[..., tuple[ModelCard, Network]]

# Keras itself, writing variables with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function: network file -> its card and the network in normal form."""

    def made(graph: Path, **keys) -> tuple[ModelCard, Network]:
        (tmp_path / "labels.json").write_text(json.dumps(list("abcd")))
        content = {"graph": str(graph), "input": INPUT, "labels": str(tmp_path / "labels.json")}
        folder = tmp_path / "made"
        write_model(
            entry=ModelEntry.model_validate(content | keys), name="net", downloads=tmp_path,
            graph_path=folder / "graph.pb", card_path=folder / "model.json",
        )  # fmt: skip
        card = ModelCard.read(folder / "model.json")
        return card, Network.load(folder / "graph.pb", card)

    return made


def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def values() -> np.ndarray:
    return (photo()[None] / np.float32(255)).astype(np.float32)


def probabilities(network: Network) -> np.ndarray:
    feeds = {network.spec.tensor: network.values(photo())}
    return tf.nn.softmax(network.run(feeds, [network.logits])[network.logits]).numpy()


def with_two(kind: str, path: Path) -> keras.Model:
    """Write a Keras model of two inputs or two outputs."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    image = keras.Input((*SIZE, 3), name="photo")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu", name="a")(image))
    inputs, outputs = image, []
    if kind == "inputs":
        meta = keras.Input((2,), name="where")
        x, inputs = layers.Concatenate()([x, meta]), [meta, image]
    else:
        outputs = [layers.Dense(2, activation="softmax", name="coarse")(x)]
    outputs.append(layers.Dense(4, activation="softmax", name="fine")(x))
    model = keras.Model(inputs, outputs)
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)
    return model


@pytest.mark.parametrize("name", ["net.keras", "saved"])
def test_one_of_two_outputs_is_chosen(tmp_path, read, name) -> None:
    model = with_two("outputs", tmp_path / name)
    names = ["coarse", "fine"] if name == "net.keras" else ["output_0", "output_1"]
    with pytest.raises(BadFile, match=f"has 2 outputs: {', '.join(names)}; choose one by output"):
        read(tmp_path / name)
    with pytest.raises(
        UnknownName, match=f"has no output 'fin'; valid: {', '.join(names)} .*: out"
    ):
        read(tmp_path / name, output="fin")
    card, network = read(tmp_path / name, output=names[1])
    assert card.outputs == 4
    np.testing.assert_allclose(probabilities(network), model(values())[1], atol=1e-6)


@pytest.mark.parametrize("name", ["net.keras", "saved"])
def test_a_second_input_is_fed_by_its_name_in_the_file(tmp_path, read, name) -> None:
    model = with_two("inputs", tmp_path / name)
    words = (
        r"the logits also need the input '\w*where' \(float32 \(any, 2\)\) beside the image '\w+';"
    )
    with pytest.raises(BadFile, match=words):
        read(tmp_path / name)
    _, network = read(tmp_path / name, feed={"where": [0.25, -3]})
    expected = model([np.array([[0.25, -3]], np.float32), values()])
    np.testing.assert_allclose(probabilities(network), expected, atol=1e-6)


def test_two_images_are_asked_for(tmp_path, read) -> None:
    left, right = (keras.Input((*SIZE, 3), name=name) for name in ("left", "right"))
    x = keras.layers.Concatenate()([left, right])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(5, 3)(x))
    keras.Model([left, right], keras.layers.Dense(4)(x)).save(tmp_path / "net.keras")
    words = (
        r"has 2 inputs, 2 of four axes: 'left' \(any, 10, 14, 3\), 'right' .*; give the image as i"
    )
    with pytest.raises(BadFile, match=words):
        read(tmp_path / "net.keras")


def test_the_size_that_a_keras_file_is_made_for(tmp_path, read) -> None:
    with_two("outputs", tmp_path / "net.keras")
    words = r"made for images of 10 x 14 pixels, not of 24 x 14; give input.size: \[10, 14\]"
    with pytest.raises(BadFile, match=words):
        read(tmp_path / "net.keras", input={"size": (24, 14), "range": (0, 1)}, output="fine")


@pytest.mark.parametrize("batch", [1, 32])
def test_a_keras_file_of_a_fixed_batch(tmp_path, read, batch) -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input(batch_shape=(batch, *SIZE, 3))
    x = keras.layers.Flatten()(keras.layers.Conv2D(5, 3, strides=3)(image))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))
    model.save(tmp_path / "net.keras")
    _, network = read(tmp_path / "net.keras")
    expected = model(np.repeat(values(), batch, 0))[:1]
    np.testing.assert_allclose(probabilities(network), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_of_a_keras_file(tmp_path, read, channels) -> None:
    image = keras.Input((*SIZE, channels))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3)(image))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))
    model.save(tmp_path / "net.keras")
    if channels == 4:
        with pytest.raises(
            BadFile, match=r"\(any, 10, 14, 4\): it is not an image of three colours"
        ):
            read(tmp_path / "net.keras")
        return
    grey = (values() @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    _, network = read(tmp_path / "net.keras")
    np.testing.assert_allclose(probabilities(network), model(grey), atol=1e-6)


def test_volumes_are_refused(tmp_path, read) -> None:
    image = keras.Input((4, *SIZE, 3))
    x = keras.layers.GlobalAveragePooling3D()(keras.layers.Conv3D(6, 3)(image))
    keras.Model(image, keras.layers.Dense(4)(x)).save(tmp_path / "net.keras")
    with pytest.raises(BadFile, match=r"the shape \(any, 4, 10, 14, 3\): it is not an image of"):
        read(tmp_path / "net.keras")


def test_an_export_with_augmentation_is_in_training_mode(tmp_path, read) -> None:
    """Keras 3 exports what it calls for training, where a layer prepares data."""
    layers = keras.layers
    image = keras.Input((*SIZE, 3))
    x = layers.Dropout(0.3)(layers.Conv2D(6, 3)(layers.RandomFlip()(image)))
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x)))
    model = keras.Model(image, x)
    model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(
        BadFile, match=r"(draws random|changes a variable).* exported in training mode; export"
    ):
        read(tmp_path / "saved")
    model.save(tmp_path / "net.keras")
    _, network = read(tmp_path / "net.keras")
    found = network.run({network.spec.tensor: network.values(photo())}, [network.logits])
    np.testing.assert_allclose(
        found[network.logits], model(values(), training=False), rtol=1e-4, atol=1e-5
    )


def test_an_export_whose_batch_norm_trains_is_refused(tmp_path, read) -> None:
    layers = keras.layers
    image = keras.Input((*SIZE, 3))
    x = layers.BatchNormalization()(layers.Conv2D(6, 3)(image))
    module = tf.Module()
    module.model = keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D()(x)))
    given = [tf.TensorSpec([None, *SIZE, 3])]
    serve = tf.function(lambda batch: module.model(batch, training=True), input_signature=given)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=serve)
    words = r"changes a variable \(AssignVariableOp\), such as batch norm in training; the network"
    with pytest.raises(BadFile, match=words):
        read(tmp_path / "saved")


class Trained(tf.Module):  # type: ignore[misc]
    """A network with what Keras 2 saves beside it: functions that train and read files."""

    def __init__(self) -> None:
        self.kernel = tf.Variable(weights((3, 3, 3, 6), 1).astype(np.float32))
        self.dense = tf.Variable(weights((6, 4), 2).astype(np.float32))

    def logits(self, x):
        x = tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "SAME"), name="a")
        return tf.reduce_mean(x, [1, 2]) @ self.dense

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3], name="image")])
    def serve(self, x):
        return {"probability": tf.nn.softmax(self.logits(x))}

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3], name="image")])
    def half(self, x):
        return {"probability": tf.nn.softmax(self.logits(x) / 2)}

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3])])
    def train(self, x):
        noise = tf.random.uniform([4]) + tf.cast(tf.size(tf.io.matching_files("/*")), tf.float32)
        self.dense.assign_add(tf.zeros([6, 4]))
        return self.logits(tf.nn.dropout(x, 0.5)) + noise


def test_what_was_saved_for_training_does_not_matter(tmp_path, read) -> None:
    module = Trained()
    tf.saved_model.save(module, str(tmp_path / "saved"), {"serving_default": module.serve})
    _, network = read(tmp_path / "saved")
    expected = module.serve(values())["probability"]
    np.testing.assert_allclose(probabilities(network), expected, atol=1e-6)


def test_one_of_several_signatures_is_chosen(tmp_path, read) -> None:
    module = Trained()
    tf.saved_model.save(
        module, str(tmp_path / "saved"), {"whole": module.serve, "half": module.half}
    )
    words = "has no signature 'serving_default'; found: half, whole; choose one by signature"
    with pytest.raises(BadFile, match=words):
        read(tmp_path / "saved")
    with pytest.raises(
        UnknownName, match=r"no signature 'full'; valid: .*half.* \(models catalogue: "
    ):
        read(tmp_path / "saved", signature="full")
    for name, serve in (("whole", module.serve), ("half", module.half)):
        _, network = read(tmp_path / "saved", signature=name)
        expected = serve(values())["probability"]
        np.testing.assert_allclose(probabilities(network), expected, atol=1e-6)


@pytest.mark.parametrize("resource", [False, True])
def test_an_export_of_tensorflow_1_with_two_graphs(tmp_path, read, resource) -> None:
    """Tags: a graph for training before the one that serves, which has another default."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, *SIZE, 3], name="image")
        keep = v1.placeholder_with_default(1.0, [], name="keep")
        with v1.variable_scope("net", use_resource=resource):
            kernel = v1.get_variable("kernel", [3, 3, 3, 6])
            dense = v1.get_variable("dense", [6, 4])
        x = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "SAME"), name="a"), [1, 2])
        logits = tf.matmul(x * keep, dense, name="logits")
        found = tf.nn.softmax(logits, name="softmax")
        v1.train.AdamOptimizer().minimize(tf.reduce_sum(logits))
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(tmp_path / "saved"))
        signature = v1.saved_model.predict_signature_def({"image": image}, {"scores": found})
        other = v1.saved_model.predict_signature_def({"image": image}, {"scores": -found})
        builder.add_meta_graph_and_variables(session, ["train"], {"serving_default": other})
        builder.add_meta_graph(["serve"], {"serving_default": signature})
        builder.save()
        expected, halved = (session.run(found, {image: values(), keep: k}) for k in (1, 0.5))
    card, network = read(tmp_path / "saved")
    np.testing.assert_allclose(probabilities(network), expected, atol=1e-6)
    assert "a" in card.by_name
    _, network = read(tmp_path / "saved", feed={"keep": 0.5})
    np.testing.assert_allclose(probabilities(network), halved, atol=1e-6)


def test_grey_repeated_to_three_channels_is_what_keras_computes(tmp_path, read) -> None:
    """keras.ops.repeat along the last axis makes a tensor without entries of the sizes after it."""
    x = keras.Input((*SIZE, 1))
    colours = keras.ops.repeat(x, 3, axis=-1)
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3)(colours))
    model = keras.Model(x, keras.layers.Dense(4, activation="softmax")(means))
    model.save(tmp_path / "net.keras")
    _, network = read(tmp_path / "net.keras")
    expected = model(network.values(photo()), training=False)
    np.testing.assert_allclose(probabilities(network), expected, rtol=1e-5)
