"""Attributes are read as Python values, with defaults, and the graph stays as it is."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from blockscope.models.graph.node_attributes import attribute


@pytest.fixture
def convolution():
    node = node_def_pb2.NodeDef(name="c", op="Conv2D")
    node.attr["strides"].list.i[:] = [1, 2, 3, 1]
    node.attr["padding"].s = b"SAME"
    node.attr["T"].type = tf.float64.as_datatype_enum
    return node


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strides", [1, 2, 3, 1]),
        ("padding", "SAME"),
        ("T", tf.float64),
        ("dilations", [1, 1, 1, 1]),
        ("explicit_paddings", []),
        ("data_format", "NHWC"),
        ("use_cudnn_on_gpu", True),
        ("ksize", None),
    ],
)
def test_an_attribute_its_default_or_none(convolution, name, value):
    before = convolution.SerializeToString(deterministic=True)
    assert attribute(convolution, name) == value
    assert convolution.SerializeToString(deterministic=True) == before


def test_what_must_be_given_and_what_is_unknown_have_no_default():
    assert attribute(node_def_pb2.NodeDef(op="Conv2D"), "padding") is None
    assert attribute(node_def_pb2.NodeDef(op="NoSuchOperation"), "padding") is None


def test_numbers_have_the_precision_of_the_graph():
    node = node_def_pb2.NodeDef(op="LRN")
    node.attr["alpha"].f = 1e-4
    assert attribute(node, "alpha") == node.attr["alpha"].f
    assert (attribute(node, "depth_radius"), attribute(node, "beta")) == (5, 0.5)
