"""Rows and columns of every layer are those of the image: tried on networks made at random.

What the image changes at one place, a layer must change about there. Networks are made of what
exchanges, joins, splits, moves and mixes axes; their layers are found by rules that do not look at
values, and tried by values alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from helpers.places import LEAST, SIZE, changes_of, slopes
from helpers.tiny_network import weights

from blockscope.models.card import InputSpec
from blockscope.models.files.formats import Graph
from blockscope.models.network import Network
from blockscope.models.normal_form import normalise
from blockscope.models.preparation import Prepared, prepare

NETWORKS = 60
MOST = 10_000  # entries of a tensor

Step = Callable[[tf.Tensor, random.Random], tf.Tensor]


def _convolution(x, r):
    kernel = weights((r.choice((1, 3)), r.choice((1, 3)), x.shape[3], 4), r.randrange(99))
    return tf.nn.relu(tf.nn.conv2d(x, kernel.astype(np.float32), r.choice((1, 1, 2)), "SAME") + 0.3)


def _rolled(x, r):
    axis = r.choice((1, 2))
    first, last = tf.split(x, [x.shape[axis] // 2, -1], axis)
    return tf.concat([last, first], axis)


def _gathered(x, r):
    axis = r.choice((1, 2, 3))
    size = x.shape[axis]
    chosen = r.choice((r.sample(range(size), size), sorted(r.choices(range(size), k=size))))
    return tf.gather(x, chosen, axis=axis)


def _exchanged(x, r):
    rank = len(x.shape)
    return tf.transpose(x, [0, *r.sample(range(1, rank), rank - 1)])


def _cut(x, r):
    """Take the rows or the columns apart into two axes."""
    axis = r.choice((1, 2))
    size, sizes = x.shape[axis], x.shape.as_list()[1:]
    part = next((n for n in (2, 5, 7) if size % n == 0 and n < size), 1)
    sizes[axis - 1 : axis] = r.choice(([size // part, part], [part, size // part]))
    return tf.reshape(x, [-1, *sizes])


def _joined(x, r):
    """Make one axis of two."""
    axis, sizes = r.randrange(1, len(x.shape) - 1), x.shape.as_list()[1:]
    sizes[axis - 1 : axis + 1] = [sizes[axis - 1] * sizes[axis]]
    return tf.reshape(x, [-1, *sizes])


def _copied(x, r):
    axis = r.choice((1, 2, 3))
    return tf.tile(tf.expand_dims(x, axis), [1] * axis + [2] + [1] * (4 - axis))


def _one_row(x, r):
    """Take one row or column, or the mean of all, which some networks add to the others."""
    axis = r.choice((1, 2))
    number = r.randrange(x.shape[axis])
    one = tf.gather(x, [number], axis=axis)
    again = tf.expand_dims(tf.gather(x, number, axis=axis), axis)
    mean = tf.reduce_mean(x, axis, keepdims=True)
    return r.choice((one, again, one * tf.ones_like(x), x + one, mean))


def _multiplied(x, r):
    mean = tf.reduce_mean(x, 1, keepdims=True) * tf.ones_like(x)
    others = (x, x[:, ::-1], tf.roll(x, 3, 2), mean, tf.ones_like(x), tf.fill(tf.shape(x), 2.0))
    pair = [x, r.choice(others)]
    r.shuffle(pair)
    return tf.einsum("bijc,bijc->bijc", *pair)


def _tokens(x, r):
    _, rows, cols, channels = x.shape
    count = rows * cols
    some = [0] * (count // 2) + list(range(count - count // 2))
    chosen = r.choice((list(range(count)), sorted(r.choices(range(count), k=count)), some))
    tokens = tf.gather(tf.reshape(x, [-1, count, channels]), chosen, axis=1)
    return tf.reshape(tokens, [-1, rows, cols, channels])


def _blocks(x, r):
    """Make channels of each 2 x 2 positions, for a convolution."""
    _, rows, cols, channels = x.shape
    if rows % 2 or cols % 2:
        return x
    parts = tf.reshape(x, [-1, rows // 2, 2, cols // 2, 2, channels])
    turned = tf.transpose(parts, [0, 1, 3, 2, 4, 5])
    return _convolution(tf.reshape(turned, [-1, rows // 2, cols // 2, 4 * channels]), r)


def _reflected(x, _):
    pads = [[0, 0], [2, 1], [0, 2], [0, 0]]
    return tf.pad(x, pads, "REFLECT") if min(x.shape[1:3]) > 3 else x


ON_MAPS: list[Step] = [
    *[_convolution] * 4,
    *[_exchanged] * 2,
    *[_cut] * 2,
    _rolled,
    _gathered,
    _copied,
    lambda x, _: tf.nn.max_pool2d(x, 2, 2, "SAME"),
    lambda x, r: tf.reverse(x, [r.choice((1, 2, 3))]),
    lambda x, r: tf.tile(x, r.choice(([1, 2, 1, 1], [1, 1, 2, 1], [1, 1, 1, 2]))),
    lambda x, r: r.choice((x[:, ::-1], x[:, :, ::2], x[..., ::-1], x[..., ::-1, :])),
    lambda x, r: tf.concat([x, tf.reverse(x, [r.choice((1, 2))])], r.choice((1, 2, 3))),
    lambda x, r: x + tf.reverse(x, [r.choice((1, 2))]),
    lambda x, _: tf.roll(tf.nn.relu(tf.roll(x, 3, 1)), -3, 1),
    lambda x, r: tf.stack([x, r.choice((x, tf.reverse(x, [1])))], r.choice((1, 2, 3, 4))),
    lambda x, _: x[:, x.shape[1] // 2 :],
    lambda x, _: tf.pad(x, [[0, 0], [1, 0], [0, 2], [0, 0]]),
    lambda x, _: x * tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True)),
    lambda x, _: tf.nn.depth_to_space(x, 2) if x.shape[3] % 4 == 0 else x,
    lambda x, _: tf.image.resize(x, [2 * x.shape[1], x.shape[2]], "nearest"),
    *[_one_row] * 4,
    *[_multiplied] * 3,
    *[_tokens] * 2,
    *[_blocks] * 2,
    _reflected,
]
ON_OTHERS: list[Step] = [
    _exchanged,
    *[_joined] * 3,
    lambda x, r: tf.reduce_max(x, r.randrange(1, len(x.shape))),
    lambda x, r: tf.gather(x, 0, axis=r.randrange(1, len(x.shape))),
]


def made(seed: int) -> Prepared:
    """Return a network in normal form, of two to seven steps."""
    r = random.Random(seed)
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], "input")
        for number in range(r.randint(2, 7)):
            after = r.choice(ON_MAPS if len(x.shape) == 4 else ON_OTHERS)(x, r)
            if not 0 < np.prod(after.shape[1:]) < MOST or len(after.shape) < 3:
                break
            x = tf.identity(after, f"step{number}")
        flat = tf.reshape(x, [-1, np.prod(x.shape[1:])])
        tf.matmul(flat, weights((flat.shape[1], 4), 9).astype(np.float32), name="logits")
    normal = normalise(Graph(graph.as_graph_def(), "input"), "net", logits="logits")
    spec = InputSpec(tensor="input", size=SIZE, range=(-1, 1))
    return prepare(normal, spec, "net")


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_a_layer_changes_where_the_image_does(seed):
    prepared = made(seed)
    network = Network(prepared.definition, prepared.spec, prepared.logits)
    for name, changes in changes_of(network, sorted(prepared.maps), seed).items():
        rows, cols = changes.shape[1:]
        seen = changes.sum((1, 2)) > 0
        if min(rows, cols) < LEAST or seen.sum() < 6:
            continue
        found = slopes(changes)
        told = f"'{name}' {rows} x {cols} of network {seed}: {found.round(2).tolist()}"
        own, other = np.diag(found), np.diag(found[::-1])
        assert own.min() > 0.3, told
        assert own.max() < 1.6, told
        assert np.abs(other).max() < 0.4, told
