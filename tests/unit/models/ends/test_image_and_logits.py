"""Networks that read no colour image: refused, never computed wrongly."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights

from blockscope.io.errors import BadFile
from blockscope.models.entry import InputSettings
from blockscope.models.files.formats import Graph
from blockscope.models.normal_form import normalise


def graph_of(build, shape=(None, 20, 28, 3), output=None) -> Graph:
    graph = tf.Graph()
    with graph.as_default():
        build(tf.compat.v1.placeholder(tf.float32, shape, name="input"))
    return Graph(graph.as_graph_def(), "input", output)


def logits_of(x, channels: int = 4):
    pooled = tf.reduce_mean(conv(x, 6, name="a"), [1, 2])
    return tf.matmul(pooled, weights((6, channels), 3).astype(np.float32), name="logits")


def ends_of(definition) -> set[str]:
    read = {edge for node in definition.node for edge in node.input}
    return {node.name for node in definition.node} - read


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((None, 20, 28, 4), r"\(any, 20, 28, 4\): it is not an image of three colours or of grey"),
        ((None, 20, 28), r"\(any, 20, 28\): it is not an image of three colours"),
        ((None, 1, 20, 28, 3), r"\(any, 1, 20, 28, 3\): it is not an image of three colours"),
        ((2, 3, 20, 28), r"\(2, 3, 20, 28\): its channels come first; give layout: channels_first"),
    ],
)
def test_an_input_of_other_channels_is_refused(shape, words) -> None:
    def build(x):
        x = tf.reshape(x, [-1, 20, 28, 3]) if len(shape) != 4 or shape[1] == 3 else x
        logits_of(x)

    with pytest.raises(BadFile, match=rf"model 'net': input tensor 'input' has the shape {words}"):
        normalise(graph_of(build, shape), "net", logits="logits")


@pytest.mark.parametrize("shape", [(None, None, None, None), None])
def test_the_first_filter_tells_the_channels_where_the_input_does_not(shape) -> None:
    def build(x):
        x = tf.ensure_shape(x, [None, 20, 28, 1]) if shape is None else x
        kernel = weights((3, 3, 1, 6), 1).astype(np.float32)
        x = tf.nn.conv2d((x - 0.5) * 2.0, kernel, 1, "SAME", name="first")
        tf.matmul(tf.reduce_mean(x, [1, 2]), weights((6, 4), 3).astype(np.float32), name="logits")

    graph = graph_of(build, shape)
    if shape is None:  # TensorFlow's own check is not part of what is under test
        for node in graph.definition.node:
            node.op = "Identity" if node.op == "EnsureShape" else node.op
    words = r"convolution 'first' reads 1 channel of the input 'input', .* give order: grey; valid"
    with pytest.raises(BadFile, match=words):
        normalise(graph, "net", logits="logits")
    grey = InputSettings(size=(20, 28), range=(0, 1), order="grey")
    found = normalise(graph, "net", logits="logits", image=grey)
    assert [dim.size for dim in found.definition.node[0].attr["shape"].shape.dim] == [-1, -1, -1, 1]


def test_an_image_that_is_padded_to_more_channels_is_one_of_three_colours() -> None:
    def build(x):
        x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, 1]])
        x = tf.nn.conv2d(x, weights((3, 3, 4, 6), 1).astype(np.float32), 1, "SAME", name="first")
        tf.matmul(tf.reduce_mean(x, [1, 2]), weights((6, 4), 3).astype(np.float32), name="logits")

    found = normalise(graph_of(build, (None, None, None, None)), "net", logits="logits").definition
    assert ends_of(found) == {"logits"}
