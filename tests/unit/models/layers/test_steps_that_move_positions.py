"""One step each: a layer where it leaves the image's positions at their places, otherwise none.

Values say which is which: the tensor is computed for images that differ at one place.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.places import SIZE, changes_of, follows
from helpers.tiny_network import conv, weights

from blockscope.models.card import InputSpec
from blockscope.models.files.formats import Graph
from blockscope.models.network import Network
from blockscope.models.normal_form import normalise
from blockscope.models.preparation import Prepared, prepare

TOKENS = SIZE[0] * SIZE[1]


def w(*shape, seed=1):
    return weights(shape, seed).astype(np.float32)


def square(x):
    return tf.image.resize(x, (8, 8))


def tokens(x, chosen):
    return tf.reshape(tf.gather(tf.reshape(x, [-1, TOKENS, 6]), chosen, axis=1), [-1, *SIZE, 6])


def one_by_one(x, y):
    """Multiply the channels of each position by a matrix that is made of those of another map."""
    matrices = tf.reshape(conv(y, 36, (1, 1), seed=3), [-1, *y.shape[1:3], 6, 6])
    return tf.matmul(x[..., None, :], matrices)[..., 0, :]


def blocks(x, order=(0, 1, 3, 2, 4, 5)):
    """Make channels of each 2 x 2 positions."""
    rows, cols = x.shape[1:3]
    parts = tf.reshape(x, [-1, rows // 2, 2, cols // 2, 2, 6])
    turned = tf.transpose(parts, order)
    return tf.reshape(turned, [-1, *turned.shape[1:3], 24])


def ramp(x):
    """Return numbers that a network makes from how many columns there are."""
    return tf.linspace(0.5, 1.5, tf.shape(x)[2])


def matrix(x, axis, turned=False):
    """Return a matrix made from how long an axis is: it keeps its order, or turns it over."""
    numbers = tf.range(tf.shape(x)[axis])
    columns = tf.reverse(numbers, [0]) if turned else numbers
    return tf.cast(tf.equal(numbers[:, None], columns), tf.float32)


def turned_over(x):
    return matrix(x, 1, turned=True)


KEEPING = {
    "einsum of a map and itself": lambda x: tf.einsum("bijc,bijc->bijc", x, x),
    "einsum of copies and a map": lambda x: tf.einsum(
        "bijc,bijc->bijc", tf.fill(tf.shape(x), 2.0), x
    ),
    "einsum with weights of channels": lambda x: tf.einsum(
        "bijc,bc->bijc", x, tf.reduce_mean(x, [1, 2])
    ),
    "einsum with new channels": lambda x: tf.einsum("bijc,cd->bijd", x, w(6, 5)),
    "product of a map and itself": lambda x: one_by_one(x, x),
    "product of copies and a map": lambda x: one_by_one(tf.fill(tf.shape(x), 2.0), x),
    "mean of all rows": lambda x: conv(tf.reduce_mean(x, 1, keepdims=True), 5),
    "mean of all rows, repeated": lambda x: (
        x * tf.sigmoid(conv(tf.reduce_mean(x, 1, keepdims=True), 6))
    ),
    "largest of all columns": lambda x: conv(tf.nn.max_pool2d(x, (1, 14), 1, "VALID"), 5),
    "windows as high as the map": lambda x: conv(conv(x, 5, (10, 3), (10, 1), "SAME"), 5),
    "one corner's vector": lambda x: x * tf.sigmoid(conv(x[:, :1, :1], 6)),
    "the vector of a mirrored map": lambda x: (
        x * tf.sigmoid(conv(tf.reduce_mean(x[:, ::-1], [1, 2], keepdims=True), 6))
    ),
    "the first row of each two": lambda x: conv(tf.reshape(x, [-1, 5, 2, 14, 6])[:, :, 0], 5),
    "every second row": lambda x: conv(x[:, ::2], 5),
    "channels of blocks": lambda x: conv(blocks(x), 5),
    "channels of blocks, for each position": lambda x: conv(blocks(x), 5, (1, 1)),
    "channels of blocks, in another order": lambda x: conv(blocks(x, (0, 1, 3, 5, 4, 2)), 5),
    "channels of blocks, each on its own": lambda x: tf.nn.depthwise_conv2d(
        blocks(x), w(3, 3, 24, 1), [1] * 4, "SAME"
    ),
    "a table of columns": lambda x: x * ramp(x)[:, None],
    "a table of columns, by their numbers": lambda x: (
        x + tf.cast(tf.range(tf.shape(x)[2]), tf.float32)[:, None]
    ),
    "tables beside the channels": lambda x: conv(
        tf.concat([x, tf.ones_like(x[..., :1]) * ramp(x)[:, None]], 3), 5
    ),
    "weights of channels made from a table": lambda x: x @ matrix(x, 3),
    "einsum with weights from a table": lambda x: tf.einsum("bijc,cd->bijd", x, matrix(x, 3)),
    "tokens, all of them": lambda x: tokens(x, list(range(TOKENS))),
}
MOVING = {
    "einsum with a mirrored map": lambda x: tf.einsum("bijc,bijc->bijc", x, x[:, ::-1]),
    "einsum of ones with a mirrored map": lambda x: tf.einsum(
        "bijc,bijc->bijc", tf.ones_like(x), x[:, ::-1]
    ),
    "einsum with a transposed map": lambda x: tf.einsum("bijc,bjic->bijc", square(x), square(x)),
    "product with a mirrored map": lambda x: one_by_one(tf.ones_like(x), x[:, ::-1]),
    "columns, repeated by ones": lambda x: tf.reduce_mean(x, 1, keepdims=True) * tf.ones_like(x),
    "product with a transposed map": lambda x: one_by_one(
        square(x), tf.transpose(square(x), [0, 2, 1, 3])
    ),
    "one row": lambda x: conv(x[:, 2:3], 5),
    "one row by its number": lambda x: conv(tf.expand_dims(x[:, 2], 1), 5),
    "one row, gathered": lambda x: conv(tf.gather(x, 2, axis=1)[:, None], 5),
    "one row, unstacked": lambda x: conv(tf.unstack(x, axis=1)[2][:, None], 5),
    "one row, split": lambda x: conv(tf.squeeze(tf.split(x, 10, 1)[2], 1)[:, None], 5),
    "one row, reshaped": lambda x: conv(tf.reshape(x[:, 2:3], [-1, 14, 6])[:, None], 5),
    "one column": lambda x: conv(x[:, :, :1], 5),
    "one column, with strides": lambda x: conv(x[:, :, :1], 5, stride=(2, 1)),
    "one row, repeated": lambda x: x[:, 2:3] * tf.ones_like(x),
    "one row, tiled": lambda x: tf.tile(x[:, 2:3], [1, 10, 1, 1]) * tf.ones_like(x),
    "one row, resized": lambda x: tf.image.resize(x[:, 2:3], SIZE) * tf.ones_like(x),
    "mean of the lower rows": lambda x: conv(tf.reduce_mean(x[:, 5:], 1, keepdims=True), 5),
    "mean of the lower rows, then an axis": lambda x: conv(tf.reduce_mean(x[:, 5:], 1)[:, None], 5),
    "channels of blocks of a mirrored map": lambda x: conv(blocks(x[:, ::-1]), 5),
    "turned over by a product": lambda x: (
        tf.reshape(turned_over(x) @ tf.reshape(x, [-1, 10, 84]), [-1, *SIZE, 6]) * tf.ones_like(x)
    ),
    "turned over by an einsum": lambda x: (
        tf.einsum("ki,bijc->bkjc", turned_over(x), x) * tf.ones_like(x)
    ),
    "turned over, columns": lambda x: (
        tf.ones_like(square(x)) * (turned_over(square(x)) @ square(x))
    ),
    "tokens, the first of them often": lambda x: tokens(x, [0] * 60 + list(range(80))),
    "columns with their channels, the first of them often": lambda x: tf.reshape(
        tf.gather(tf.reshape(x, [-1, 10, 84]), [0] * 40 + list(range(44)), axis=2), [-1, *SIZE, 6]
    ),
    "tokens, each of the first half twice": lambda x: tokens(x, sorted(2 * list(range(70)))),
}


def prepared(step) -> Prepared:
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], "input")
        y = step(tf.nn.relu(conv(x, 6, relu=False) + 0.5, name="before"))
        y = tf.nn.relu(y, name="behind")
        tf.matmul(tf.reduce_mean(y, [1, 2]), w(y.shape[3], 4, seed=9), name="logits")
    normal = normalise(Graph(graph.as_graph_def(), "input"), "net", logits="logits")
    return prepare(normal, InputSpec(tensor="input", size=SIZE, range=(-1, 1)), "net")


def changes(made: Prepared):
    """Return where the tensor behind the step changes, be it a layer or none."""
    network = Network(made.definition, made.spec, made.logits)
    return changes_of(network, ["behind"], seed=2)["behind"]


@pytest.mark.parametrize("name", KEEPING)
def test_what_stays_at_its_place_is_a_layer(name):
    made = prepared(KEEPING[name])
    assert follows(changes(made))
    assert {"before", "behind"} <= made.maps


@pytest.mark.parametrize("name", MOVING)
def test_what_is_moved_is_none(name):
    made = prepared(MOVING[name])
    assert not follows(changes(made))
    assert "before" in made.maps
    assert "behind" not in made.maps


def test_windows_over_the_channels_of_cropped_columns_make_no_map():
    made = prepared(lambda x: conv(tf.reshape(x[:, :, 1:], [-1, 10, 78, 1]), 5))
    assert "before" in made.maps
    assert "behind" not in made.maps
