"""Graphs that are written without the attributes that have their default value."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import network_of, weights
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework import meta_graph

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.io.errors import BadFile
from blockscope.models.entry import InputSettings
from blockscope.models.files.formats import Graph
from blockscope.models.network import Network
from blockscope.models.normal_form import normalise

SHAPE = (9, 7, 3)
IMAGE = InputSettings(tensor="input", size=(9, 7), range=(0, 1))


def layers(x, training=False):
    """Operations whose defaults are not zero: dilations, epsilon, bias, mode of the batch norm."""
    kernels = weights((3, 2, 3, 4), 1).astype(np.float32), weights((2, 3, 4, 5), 2)
    x = tf.nn.conv2d(x, kernels[0], 1, "SAME", dilations=1 if training else (2, 1))
    x = tf.nn.relu(tf.nn.conv2d(x, kernels[1].astype(np.float32), 1, "SAME"))
    scale, offset = np.array([[1, 2, 3, 4, 5], [2, 1, 0, 1, 2]], "f4")
    still = () if training else (offset, scale / 7)
    x = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=offset, is_training=training,
        mean=still[0] if still else [], variance=still[1] if still else [],
    ).y  # fmt: skip
    x = tf.raw_ops.LRN(input=x, depth_radius=2)
    return tf.reduce_mean(x, [1, 2])


def stripped(definition: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    whole = MetaGraphDef(graph_def=definition)
    meta_graph.strip_graph_default_valued_attrs(whole)
    return whole.graph_def


@pytest.fixture(scope="module")
def network():
    return network_of(layers, SHAPE, tf.float32)


def test_stripping_takes_attributes_away(network):
    less = {node.op: set(node.attr) for node in stripped(network.definition).node}
    assert not less["FusedBatchNormV3"] & {"epsilon", "data_format"}
    assert "bias" not in less["LRN"]
    dilations = [
        "dilations" in node.attr
        for node in stripped(network.definition).node
        if node.op == "Conv2D"
    ]
    assert dilations == [True, False]


def test_the_normal_form_is_the_same(network):
    form, less = (
        normalise(Graph(definition), "net", image=IMAGE, logits="output").definition
        for definition in (network.definition, stripped(network.definition))
    )
    assert less == form
    assert {node.name: node for node in less.node if node.op == "LRN"}["LRN"].attr["bias"].f == 1


def test_a_batch_norm_that_trains_by_default_is_refused():
    training = network_of(lambda x: layers(x, training=True), SHAPE, tf.float32)
    definition = stripped(training.definition)
    modes = [node.attr for node in definition.node if node.op.startswith("FusedBatchNorm")]
    assert modes
    assert "is_training" not in modes[0]
    with pytest.raises(BadFile, match="in training mode; export for inference"):
        normalise(Graph(definition), "net", image=IMAGE, logits="output")


def test_gradients_are_the_same_and_the_graph_stays_as_it_is(network, rng):
    points = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    less = Network(stripped(network.definition), network.spec, network.logits)
    before = less.definition.SerializeToString(deterministic=True)
    found = [
        Gradients(each, points[:1], "input", "output", OVERRIDES["none"]).at(
            points, lambda target: [target[:, 1], tf.reduce_sum(target**2, 1)]
        )
        for each in (network, less)
    ]
    for whole, other in zip(found[0][1], found[1][1], strict=True):
        assert float(tf.reduce_max(tf.abs(whole))) > 1e-3
        np.testing.assert_array_equal(whole, other)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert less.definition.SerializeToString(deterministic=True) == before
