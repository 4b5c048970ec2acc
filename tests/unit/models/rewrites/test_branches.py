"""Branches that a fed value, a default or a constant decides: only the one taken is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import INPUT, SIZE, brought, logits_of, values
from helpers.tiny_network import weights

from blockscope.io.errors import BadFile

v1 = tf.compat.v1
KEYS = {"input": INPUT | {"tensor": "input"}, "logits": "logits"}


def w(*shape, seed=1):
    return weights(shape, seed).astype(np.float32)


def conv(x, seed):
    return tf.nn.relu(tf.nn.conv2d(x, w(3, 3, x.shape[3], 6, seed=seed), 1, "SAME") + 0.1)


def norm(x, training, _keep=None):
    """Batch norm as TensorFlow 1 writes it."""
    kept = (tf.constant(w(6, seed=4)), tf.constant(w(6, seed=5) ** 2 + 0.5))
    mean, variance = tf.cond(
        training,
        lambda: tf.nn.moments(x, [0, 1, 2]),
        lambda: tuple(tf.identity(one) for one in kept),
    )
    return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)


def dropout(x, training, keep):
    return tf.cond(training, lambda: v1.nn.dropout(x, keep_prob=keep), lambda: x * 1.0)


def nested(x, training, keep):
    """A choice inside of a branch, which a computed number decides."""
    inner = tf.cond(keep > 2, lambda: x * 3.0, lambda: x * 2.0)
    return tf.cond(tf.logical_not(training), lambda: norm(inner, keep > 1), lambda: inner * keep)


def in_where(x, training, keep):
    x = tf.where(training, tf.nn.dropout(x, 0.5), x)
    return tf.where(tf.logical_not(training), x, tf.random.uniform(tf.shape(x)))


BUILDS = {
    "norm": norm,
    "dropout": dropout,
    "nested": nested,
    "in_where": in_where,
    "turned": lambda x, *_: tf.image.rot90(x, 3),
}


def freeze(path: Path, build, old: bool, *, default: bool = False, training=False, keep=0.5):
    """Write a network with branches; return what it gives."""
    path.parent.mkdir(exist_ok=True)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        on = v1.control_flow_v2_enabled()
        (v1.disable_control_flow_v2 if old else v1.enable_control_flow_v2)()
        try:
            x = v1.placeholder(tf.float32, [None, *SIZE, 3], "input")
            is_training = v1.placeholder(tf.bool, [], "is_training")
            if default:
                is_training = v1.placeholder_with_default(False, [], "training_or_not")
            rate = v1.placeholder(tf.float32, [], "keep_prob")
            y = build(tf.identity(conv(x, 2), name="a"), is_training, rate)
            y = tf.reduce_mean(tf.identity(conv(y, 3), name="z"), [1, 2])
            logits = tf.matmul(y, w(6, 4, seed=9), name="logits")
        finally:
            (v1.enable_control_flow_v2 if on else v1.disable_control_flow_v2)()
        feeds = {x: values(), rate: keep} | ({} if default else {is_training: training})
        found = session.run(logits, feeds)
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return found


@pytest.mark.parametrize("old", [True, False], ids=["switches", "functions"])
@pytest.mark.parametrize("kind", BUILDS)
def test_the_branch_that_a_fed_value_decides(tmp_path: Path, kind, old) -> None:
    expected = freeze(tmp_path / "net.pb", BUILDS[kind], old)
    feed = {"is_training": False, "keep_prob": 0.5}
    reads = {"norm": ["is_training"], "in_where": ["is_training"], "turned": []}
    feed = {key: feed[key] for key in reads.get(kind, feed)}
    card, network = brought(tmp_path / "net.pb", **KEYS, feed=feed)
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-4, atol=1e-6)
    assert "a" in card.by_name
    assert ("z" in card.by_name) == (kind != "turned")
    assert not {"Switch", "Merge", "If", "StatelessIf", "RandomUniform"} & {
        node.op for node in network.definition.node
    }


@pytest.mark.parametrize("old", [True, False], ids=["switches", "functions"])
def test_the_branch_of_training_is_what_it_computes(tmp_path: Path, old) -> None:
    def build(x, training, keep):
        return tf.cond(training, lambda: x * keep, lambda: x + 1.0)

    expected = freeze(tmp_path / "net.pb", build, old, training=True, keep=0.7)
    _, network = brought(tmp_path / "net.pb", **KEYS, feed={"is_training": True, "keep_prob": 0.7})
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-5)
    freeze(tmp_path / "net.pb", dropout, old)
    with pytest.raises(BadFile, match="draws random numbers"):
        brought(tmp_path / "net.pb", **KEYS, feed={"is_training": True, "keep_prob": 0.7})


@pytest.mark.parametrize("old", [True, False], ids=["switches", "functions"])
def test_a_default_decides_and_what_the_other_branch_reads_needs_no_value(tmp_path, old) -> None:
    expected = freeze(tmp_path / "net.pb", dropout, old, default=True)
    _, network = brought(tmp_path / "net.pb", **KEYS)
    np.testing.assert_allclose(logits_of(network), expected, rtol=1e-5)


@pytest.mark.parametrize("old", [True, False], ids=["switches", "functions"])
def test_what_nothing_decides_is_refused_with_what_to_do(tmp_path: Path, old) -> None:
    freeze(tmp_path / "net.pb", BUILDS["norm"], old)
    with pytest.raises(BadFile, match=r"need the input 'is_training' .* feed: \{is_training: fal"):
        brought(tmp_path / "net.pb", **KEYS)
    freeze(tmp_path / "net.pb", lambda x, *_: norm(x, tf.reduce_mean(x) > 0), old)
    with pytest.raises(BadFile, match=r"chooses between two ways to compute; where an input dec"):
        brought(tmp_path / "net.pb", **KEYS)


@pytest.mark.parametrize("old", [True, False], ids=["switches", "functions"])
def test_a_choice_by_the_size_of_the_image_is_refused_as_that(tmp_path: Path, old) -> None:
    def build(x, *_):
        large = tf.reduce_max(tf.shape(x)[1:3]) > 5
        return tf.cond(large, lambda: x * 2.0, lambda: x)

    freeze(tmp_path / "net.pb", build, old)
    with pytest.raises(BadFile, match=r"by the size of the image, as Resizing with pad_to_aspect"):
        brought(tmp_path / "net.pb", **KEYS)


def test_values_for_what_is_no_input_are_still_refused(tmp_path: Path) -> None:
    freeze(tmp_path / "net.pb", dropout, old=True)
    with pytest.raises(BadFile, match=r"feed names 'keep', .* is_training, keep_prob"):
        brought(tmp_path / "net.pb", **KEYS, feed={"is_training": False, "keep": 0.5})


def test_branches_in_a_saved_model(tmp_path: Path) -> None:
    class Network(tf.Module):  # type: ignore[misc]
        def __init__(self):
            self.kernel = tf.Variable(w(3, 3, 3, 6, seed=2))
            self.other = tf.Variable(w(6, seed=7))

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, *SIZE, 3), name="input"),
                tf.TensorSpec((), tf.bool),
            ]
        )
        def __call__(self, x, training):
            y = tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "SAME"), name="a")
            y = tf.cond(training, lambda: y * 2.0, lambda: y + self.other)
            return tf.reduce_mean(tf.image.rot90(y, 2), [1, 2]) @ w(6, 4, seed=9)

    network = Network()
    tf.saved_model.save(network, str(tmp_path / "saved"))
    for training in (False, True):
        card, read = brought(tmp_path / "saved", input=INPUT, feed={"training": training})
        np.testing.assert_allclose(
            logits_of(read), network(values(), tf.constant(training)), rtol=1e-4
        )
        assert card.layers
