"""Cotangents that are windows, pulled back: each operation, and whole networks."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import OPERATIONS, assert_close, point
from helpers.tiny_network import conv, inception_like, linear_of, weights

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.pulled_windows import frames_pulled, pull
from blockscope.autodiff.windows import Frame, Window

FEW = [pytest.param(name, marks=[pytest.mark.slow] * (name != "none")) for name in OVERRIDES]
MORE = {
    "Conv2D explicit, stride 2": lambda x: tf.nn.conv2d(
        x, weights((3, 2, 3, 4), 3), 2, [[0, 0], [2, 0], [1, 2], [0, 0]]
    ),
    "Conv2D dilated, stride 2": lambda x: tf.nn.conv2d(
        x, weights((3, 2, 3, 4), 3), 2, "SAME", dilations=[2, 1]
    ),
    "MaxPool same, stride 3": lambda x: tf.nn.max_pool2d(x, (2, 3), 3, "SAME"),
    "AvgPool of the map": lambda x: tf.nn.avg_pool2d(x, (5, 7), 1, "VALID"),
    "FusedBatchNormV3": lambda x: tf.cast(
        tf.compat.v1.nn.fused_batch_norm(
            tf.cast(x, tf.float32), *([1.0 + i, 2.0, 0.5] for i in range(4)), is_training=False
        )[0],
        x.dtype,
    ),
}
BUILDS = OPERATIONS | MORE
# Those with an operation that has windows in reverse; a list, so that losing one is seen.
PULLED = {
    *(name for name in BUILDS if name.startswith(("Conv2D", "Depthwise", "MaxPool", "AvgPool"))),
    "LRN", "Relu", "Tanh", "Mul by channel", "Mul of two branches", "Maximum", "Add", "AddN", "Sub",
    "Concat", "Pad", "PadV2", "FusedBatchNormV3", "everything",
} - {
    "Conv2DBackpropInput", "Conv2DBackpropInput valid", "Conv2D by weights from the image",
}  # fmt: skip


def transposed(op, upstream):
    """The whole-map reference: the transpose of forward mode, by TensorFlow."""
    shapes = [op.point.inputs[number].shape[1:] for number in op.point.moving]
    zeros = [tf.zeros([len(upstream), *shape], upstream.dtype) for shape in shapes]
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        given = dict(zip(op.point.moving, zeros, strict=True))
        pushed = op.jvp([given.get(number) for number in range(len(op.point.inputs))])
    return tape.gradient(pushed, zeros, upstream, unconnected_gradients="zero")


def windows_of(op, rng):
    """Single cells at all positions, larger windows that stick out of the map, and whole maps."""
    rows, cols = op.point.size_out
    everywhere = np.indices((rows + 2, cols + 2), np.int32).reshape(2, -1) - 1
    sizes = [(everywhere, 1, 1), (everywhere, 2, 3), (np.zeros((2, 4), np.int32), rows, cols)]
    for (top, left), high, wide in sizes:
        frame = Frame(top, left, high, wide)
        shape = (len(top), high, wide, op.point.output.shape[-1])
        values = rng.normal(size=shape).astype(op.point.output.dtype.as_numpy_dtype)
        yield Window(frame, tf.constant(values), clean=False)


def same_frame(one, other):
    corners = np.array_equal(one.top, other.top) and np.array_equal(one.left, other.left)
    return corners and (one.rows, one.cols) == (other.rows, other.cols)


@pytest.mark.parametrize("override", FEW)
@pytest.mark.parametrize("name", BUILDS)
def test_each_operation_pulls_windows_as_whole_maps(name, override, rng):
    linear = linear_of(BUILDS[name], point(name=name), override)
    seen = 0
    for _, _, op in linear.ops:
        for window in windows_of(op, rng) if op.pulls_windows else []:
            pulled = op.vjp_windows(window)
            wanted = transposed(op, window.to_map(op.point.size_out))
            for found, whole, number in zip(pulled, wanted, op.point.moving, strict=True):
                size = op.point.inputs[number].shape[1:3]
                frame = op.inputs_of(window.frame)
                assert found.frame.is_whole(size) or same_frame(found.frame, frame)
                one, other = found.to_map(size).numpy(), whole.numpy()
                if np.isfinite(other).all():
                    assert_close(one, other)
                else:  # beside a pole
                    np.testing.assert_array_equal(one, other)
                seen += type(op).__name__ != "Identity"
    assert bool(seen) >= (name in PULLED)


def position_windows(linear, rng):
    rows, cols, channels = linear.output.shape[1:]
    top, left = np.indices((rows, cols), np.int32).reshape(2, -1)[:, ::5]
    values = rng.normal(size=(len(top), 1, 1, channels))
    return Window(Frame(top, left, 1, 1), tf.constant(values, linear.output.dtype))


def deep(x):
    """Growing windows through branches read several times, up to whole maps, without a head."""
    x = conv(x, 4, (3, 2), 2, seed=1)
    y = tf.nn.max_pool2d(x, 3, 1, "SAME")
    x = tf.concat([conv(x, 2, (1, 1), seed=2), y, conv(y, 3, (5, 3), seed=3)], 3)
    x = tf.nn.relu(x - conv(tf.pad(x, [[0, 0], [1, 0], [2, 1], [0, 0]]), 9, (2, 4), 1, "VALID"))
    return conv(tf.nn.avg_pool2d(x, 3, 2, "SAME"), 5, (3, 3), seed=4)


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("shape", [(61, 53, 2), (54, 67, 3)])
def test_positions_are_pulled_back_as_whole_maps_are(shape, override, rng):
    linear = linear_of(deep, point(shape), override)
    window = position_windows(linear, rng)
    size = linear.output.shape[1:3]
    pulled = pull(linear.ops, window)
    assert not pulled.frame.is_whole(linear.value.shape[1:3])
    whole = linear.vjp(window.to_map(size)).numpy()
    assert_close(pulled.to_map(linear.value.shape[1:3]).numpy(), whole)


def test_windows_that_cover_most_become_whole_maps(rng):
    linear = linear_of(deep, point((13, 11, 2)))
    window = position_windows(linear, rng)
    size, size1 = linear.output.shape[1:3], linear.value.shape[1:3]
    pulled = pull(linear.ops, window)
    assert pulled.frame.is_whole(size1)
    assert_close(pulled.values.numpy(), linear.vjp(window.to_map(size)).numpy())


def test_frames_are_those_of_the_windows(rng, monkeypatch):
    linear = linear_of(deep, point((41, 33, 2)))
    window = position_windows(linear, rng)
    seen = {}
    for name, _, op in linear.ops:

        def watched(cotangent, name=name, original=op.vjp_windows):
            seen[name] = cotangent.frame
            return original(cotangent)

        monkeypatch.setattr(op, "vjp_windows", watched)
    pull(linear.ops, window)
    frames = frames_pulled(linear.ops, window.frame)
    assert len(seen) == len(frames) == len(linear.ops)
    for frame, (name, _, _) in zip(frames, linear.ops, strict=True):
        assert same_frame(frame, seen[name])


def test_an_operation_says_whether_it_can():
    linear = linear_of(inception_like, point((41, 33, 2), "everything"))
    cannot = {type(op).__name__ for _, _, op in linear.ops if not op.pulls_windows}
    assert cannot == {"Reduce", "MatMul", "Identity"}  # the logits' identity


@pytest.mark.parametrize(("top", "left", "size"), [(1, 0, (5, 7)), (0, 1, (5, 7)), (0, 0, (7, 5))])
def test_a_frame_is_a_whole_map_only_in_its_place(top, left, size):
    frame = Frame(np.array([0, top], np.int32), np.array([0, left], np.int32), 5, 7)
    assert not frame.is_whole(size)
    assert Frame.whole(2, size).is_whole(size)
