"""A network in normal form serves eager code and any number of traced functions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import network_of


def two_branches(x):
    kernel = tf.constant(np.random.default_rng(1).normal(size=(3, 3, 3, 4)), tf.float32)
    y = tf.nn.conv2d(x, kernel, 1, "SAME")
    y = tf.concat([tf.nn.relu(y), tf.reduce_mean(y, 3, keepdims=True)], 3)
    return tf.identity(y, name="asked")


@pytest.mark.parametrize("first", ["traced", "eager"])
def test_a_network_is_traced_more_than_once(first: str) -> None:
    network = network_of(two_branches, (5, 7, 3), tf.float32)
    values = np.random.default_rng(2).normal(size=(2, 5, 7, 3)).astype(np.float32)
    if first == "eager":
        network.run({"input": values}, ["asked"])

    def traced():
        return tf.function(
            lambda x: network.run({"input": x}, ["asked"])["asked"],
            [tf.TensorSpec(values.shape)],
            autograph=False,
        )

    found = [function(values).numpy() for function in (traced(), traced())]
    plain = network.run({"input": values}, ["asked"])["asked"].numpy()
    for one in found:
        assert one.shape == (2, 5, 7, 5)
        np.testing.assert_allclose(one, plain, rtol=1e-5, atol=1e-6)
