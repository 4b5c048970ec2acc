"""Random numbers that change nothing, as those of dropout that keeps everything, are constants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import INPUT, SIZE, brought, logits_of, values
from helpers.tiny_network import weights

from blockscope.attribution.all_labels import attribute_labels
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.errors import BadFile
from blockscope.stages.result_files import describe

v1 = tf.compat.v1
KEYS = {"input": INPUT | {"tensor": "input"}, "logits": "logits"}
NAME = "draw/RandomUniform"


def uniform(x, least: float = 0, most: float = 1):
    return v1.random_uniform(tf.shape(x), least, most, dtype=x.dtype, name="draw")


def floor(x, keep):
    return x / keep * tf.floor(keep + uniform(x))


def threshold(x, keep):
    return tf.where(uniform(x) >= 1 - keep, x / keep, tf.zeros_like(x))


def cast(x, keep):
    return x / keep * tf.cast(1 - uniform(x) * 2 > 1 - 2 * keep, x.dtype)


def spread(x, keep):
    return x * (1 + uniform(x, -1, 2) * (1 - keep))


def freeze(path: Path, drop, dtype=tf.float32, batch=None):
    """Write a network with a dropout; return what it gives without any."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder(dtype, [batch, *SIZE, 3], "input")
        keep = v1.placeholder(dtype, [], "keep_prob")
        kernel, dense = (tf.constant(weights(s, 3), dtype) for s in ((3, 3, 3, 6), (6, 4)))
        y = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME"), name="a"), [1, 2])
        tf.matmul(drop(y, keep), dense, name="logits")
        given = values().astype(dtype.as_numpy_dtype)
        without = session.run(tf.matmul(y, dense), {x: given})
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return without


@pytest.mark.parametrize("drop", [floor, threshold, cast, spread])
@pytest.mark.parametrize("batch", [None, 1])
def test_dropout_that_keeps_everything(tmp_path: Path, drop, batch) -> None:
    expected = freeze(tmp_path / "net.pb", drop, batch=batch)
    card, network = brought(tmp_path / "net.pb", **KEYS, feed={"keep_prob": 1})
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-6)
    assert card.undrawn == (NAME,)
    assert not [node.name for node in network.definition.node if "Random" in node.op]
    assert f"change nothing: {NAME}\n" in describe(tmp_path / "made/model.json")
    linear = LinearMap(network, values(), "a", "logits", OVERRIDES["none"])
    np.testing.assert_allclose(  # all that is behind the layer is linear in it
        attribute_labels(linear, range(4)).sum((1, 2)), expected[0], rtol=1e-4
    )


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64])
def test_numbers_of_other_floats(tmp_path: Path, dtype) -> None:
    expected = freeze(tmp_path / "net.pb", floor, dtype)
    card, network = brought(tmp_path / "net.pb", **KEYS, feed={"keep_prob": 1})
    assert card.undrawn == (NAME,)
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-2)


def hill(x, keep):
    """The same for the least and the largest number, but not for those between."""
    return x * tf.floor(keep * 0.6 + tf.abs(uniform(x) - 0.5))


def product(x, keep):
    number = uniform(x)
    return x * tf.floor(number * (1 - number) + keep)


def normal(x, keep):
    return x + tf.random.normal(tf.shape(x)) * (1 - keep)


def plain(x, keep):
    return x * keep + uniform(x)


@pytest.mark.parametrize(
    ("drop", "keep"),
    [(floor, 0.999999), (threshold, 0.999999), (spread, 0.5), (hill, 1), (product, 1), (normal, 1),
     (plain, 1)],
)  # fmt: skip
def test_what_may_change_something_is_refused(tmp_path: Path, drop, keep) -> None:
    freeze(tmp_path / "net.pb", drop)
    words = r"draws random numbers \(Random\w+\), .* as keep_prob 1 does, give that by feed \(mode"
    with pytest.raises(BadFile, match=words):
        brought(tmp_path / "net.pb", **KEYS, feed={"keep_prob": keep})


def test_dropout_that_is_off_by_default(tmp_path: Path) -> None:
    def drop(x, keep):
        keep = v1.placeholder_with_default(tf.constant(1.0), [], "on")
        return threshold(x, keep)

    expected = freeze(tmp_path / "net.pb", drop)
    card, network = brought(tmp_path / "net.pb", **KEYS)
    assert card.undrawn == (NAME,)
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-6)
    with pytest.raises(BadFile, match="draws random numbers"):
        brought(tmp_path / "net.pb", **KEYS, feed={"on": 0.5})


def test_dropout_of_a_saved_model_of_tensorflow_1(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, [None, *SIZE, 3], name="image")
        keep = v1.placeholder(tf.float32, [], name="keep_prob")
        dense = v1.get_variable("dense", [3, 4])
        x = tf.reduce_mean(tf.nn.relu(image, name="a"), [1, 2])
        logits = tf.matmul(floor(x, keep), dense, name="logits")
        session.run(v1.global_variables_initializer())
        expected = session.run(tf.matmul(x, dense), {image: values()})
        given = {"image": image, "keep_prob": keep}
        v1.saved_model.simple_save(session, str(tmp_path / "saved"), given, {"scores": logits})
    card, network = brought(tmp_path / "saved", feed={"keep_prob": 1})
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-6)
    assert card.undrawn == (NAME,)
    with pytest.raises(BadFile, match="draws random numbers"):
        brought(tmp_path / "saved", feed={"keep_prob": 0.5})
