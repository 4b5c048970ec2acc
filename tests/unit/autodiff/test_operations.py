"""The linear map of a network: each operation, windows, both directions."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import OPERATIONS, SHAPE, SINGLE, assert_close, point
from helpers.tiny_network import conv, inception_like, linear_of, network_of, weights

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.autodiff.linear_ops.convolution import convolve_groups
from blockscope.autodiff.linear_ops.double_backprop import OneByOne, Overridden
from blockscope.autodiff.linear_ops.registry import FAST_OVERRIDES, LINEAR_OPS
from blockscope.io.errors import BadFile

# TensorFlow's own; ours dilates the kernel instead, and convolves groups backwards by itself.
NO_GRADIENT_ON_CPU = {"Conv2D dilated", "Conv2D grouped", "Conv2D grouped, stride 2"}


def reference_vjp(build, x, u):
    """TensorFlow's own gradient of <u, build(x)>, one entry of the batch of u at a time."""
    pulled = []
    for one in u:
        with tf.GradientTape() as tape:
            value = tf.constant(x[None])
            tape.watch(value)
            score = tf.reduce_sum(build(value) * one)
        pulled.append(tape.gradient(score, value)[0].numpy())
    return np.array(pulled)


@pytest.mark.parametrize("name", OPERATIONS)
def test_jvp_is_the_transpose_of_tensorflows_gradient(name, rng):
    """<u, J v> = <J' u, v>, with J' u from TensorFlow, for every operation."""
    build, x = OPERATIONS[name], point(name=name)
    linear = linear_of(build, x)
    v = rng.normal(size=(3, *x.shape)).astype(x.dtype)
    u = rng.normal(size=(3, *linear.output.shape[1:])).astype(x.dtype)
    pushed = linear.jvp(tf.constant(v)).numpy()
    own = linear.vjp(tf.constant(u)).numpy()
    reference = own if name in NO_GRADIENT_ON_CPU else reference_vjp(build, x, u)
    left = [[np.sum(a * b) for b in pushed] for a in u]
    right = [[np.sum(a * b) for b in v] for a in reference]
    assert_close(np.array(left), np.array(right))
    assert_close(own, reference)


@pytest.mark.parametrize("name", OPERATIONS)
def test_jvp_agrees_with_finite_differences(name, rng):
    build, x = OPERATIONS[name], point(name=name)
    linear = linear_of(build, x)
    v = rng.normal(size=(1, *x.shape)).astype(x.dtype)
    step = x.dtype.type(1e-2 if name in SINGLE else 1e-6)
    ahead, behind = build(tf.constant(x[None] + step * v)), build(tf.constant(x[None] - step * v))
    difference = (ahead.numpy() - behind.numpy()) / (2 * step)
    assert_close(linear.jvp(tf.constant(v)).numpy(), difference, single=2e-2, double=1e-6)


# That overrides hold in windows, the quick tests show with a whole network, below.
FEW = [pytest.param(name, marks=[pytest.mark.slow] * (name != "none")) for name in OVERRIDES]


@pytest.mark.parametrize("override", FEW)
@pytest.mark.parametrize("name", OPERATIONS)
def test_windows_give_what_whole_maps_give(name, override):
    """Each position alone, followed in its window, equals the same tangent on the whole map."""
    x = point(name=name)
    linear = linear_of(OPERATIONS[name], x, override)
    check_positions(linear, x)


def check_positions(linear, value):
    positions = np.argwhere(np.ones(value.shape[:2], bool)).astype(np.int32)
    tangents = np.zeros((len(positions), *value.shape), value.dtype)
    for entry, (row, col) in zip(tangents, positions, strict=True):
        entry[row, col] = value[row, col]
    dense = linear.jvp(tf.constant(tangents)).numpy()
    windows = linear.jvp_positions(positions).numpy()
    assert_close(windows, dense)


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("layer", ["input", "early", "pooled", "mixed", "late"])
@pytest.mark.parametrize("shape", [(41, 33, 2), (38, 46, 3)])
def test_windows_survive_strides_branches_and_borders(layer, override, shape):
    linear = linear_of(inception_like, point(shape, "everything"), override, layer)
    check_positions(linear, linear.value[0].numpy())


def test_order_of_positions_and_batch_do_not_matter(rng):
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), layer="mixed")
    positions = rng.permutation(np.argwhere(np.ones(linear.value.shape[1:3]))).astype(np.int32)
    together = linear.jvp_positions(positions).numpy()
    single = np.concatenate([linear.jvp_positions(p[None]).numpy() for p in positions])
    assert_close(together, single)


OVERRIDING = [name for name in OVERRIDES if OVERRIDES[name].rules]


@pytest.mark.parametrize("override", OVERRIDING)
@pytest.mark.parametrize("pool", ["MaxPool same", "MaxPool padded"])
def test_fast_override_is_the_transpose_of_its_rule(override, pool, rng):
    """The written-out forward mode of an override equals the one derived from its rule."""
    x = point((6, 9, 3))
    linear = linear_of(OPERATIONS[pool], x, override)
    fast = next(op for _, _, op in linear.ops if op.point.node.op == "MaxPool")
    x = fast.point.inputs[0].numpy()[0]
    (rule,) = OVERRIDES[override].rules.values()
    assert type(fast) is FAST_OVERRIDES[rule]
    tangents = [tf.constant(rng.normal(size=(4, *x.shape)))]
    slow = Overridden(fast.point, rule).jvp(tangents)
    np.testing.assert_allclose(fast.jvp(tangents), slow, rtol=1e-9, atol=1e-12)


def test_padded_cells_do_not_count_in_a_smooth_pooling(rng):
    """As in PyTorch's stems: the derivative of avg(x^2) / (0.01 + avg|x|) over the map's cells."""
    x = point((5, 7, 3))
    linear = linear_of(OPERATIONS["MaxPool padded"], x, "smooth")
    v = rng.normal(size=x.shape)
    expected = np.empty(linear.output.shape[1:])
    for row, col in np.ndindex(expected.shape[:2]):
        cells = np.s_[max(2 * row - 1, 0) : 2 * row + 2, max(2 * col - 1, 0) : 2 * col + 2]
        (a, b), axes = (x[cells], v[cells]), (0, 1)
        below, above = 0.01 + np.abs(a).mean(axes), (a * a).mean(axes)
        slope = (2 * a * b).mean(axes) / below - above * (np.sign(a) * b).mean(axes) / below**2
        expected[row, col] = slope
    np.testing.assert_allclose(linear.jvp(tf.constant(v[None]))[0], expected, rtol=1e-9)


@pytest.mark.parametrize("fill", [-1e30, -2e19, -np.inf])
def test_padding_whose_square_is_infinite_does_not_count_in_a_smooth_pooling(fill, rng):
    def pool(x, fill=fill):
        x = tf.pad(x, [[0, 0], [1, 1], [1, 0], [0, 0]], constant_values=fill)
        return tf.nn.max_pool2d(x, 3, 2, "VALID")

    x, v = point((5, 7, 3)).astype(np.float32), rng.normal(size=(2, 5, 7, 3)).astype(np.float32)
    found = linear_of(pool, x, "smooth").jvp(tf.constant(v))
    wanted = linear_of(lambda x: pool(x, x.dtype.min), x, "smooth").jvp(tf.constant(v))
    assert np.isfinite(wanted).all()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("override", OVERRIDING)
def test_overrides_refuse_to_pool_channels(override):
    def pool(x):
        return tf.raw_ops.MaxPool(
            input=x, ksize=[1, 1, 1, 3], strides=[1, 1, 1, 3], padding="VALID"
        )

    words = "for max pooling over rows and columns, and '.*' pools 3 channels; use override none"
    with pytest.raises(BadFile, match=words):
        linear_of(pool, point(), override)


def test_override_changes_only_its_operation():
    x = point()
    without_pool = {o: linear_of(lambda t: conv(t, 4), x, o) for o in OVERRIDES}
    v = tf.ones((1, *SHAPE), tf.float64)
    pushed = [linear.jvp(v).numpy() for linear in without_pool.values()]
    np.testing.assert_array_equal(pushed[0], pushed[1])
    np.testing.assert_array_equal(pushed[0], pushed[2])


def test_operation_without_a_rule_goes_through_the_fallback():
    assert "LogSoftmax" not in LINEAR_OPS
    linear = linear_of(tf.nn.log_softmax, point())
    assert isinstance(linear.ops[0][2], OneByOne)


def test_value_of_the_layer_may_be_given():
    x = point((41, 33, 2), "everything")
    network = network_of(inception_like, x.shape, tf.float32)
    free = linear_of(inception_like, x, layer="mixed")
    doubled = LinearMap(
        network,
        x[None],
        "mixed",
        "output",
        OVERRIDES["none"],
        layer_value=2 * free.value[0].numpy(),
    )
    np.testing.assert_array_equal(doubled.value, 2 * free.value)
    assert not np.allclose(doubled.output, free.output)


def test_peak_memory_counts_what_is_alive_at_once():
    """Input and first output, then two branches and their sum; the earlier ones are gone."""

    def build(x):
        y = tf.nn.relu(tf.concat([x, x], 3))
        return tf.nn.elu(y) + tf.tanh(y)

    linear = linear_of(build, point())
    single = 8 * 5 * 7 * 3
    assert linear.bytes_per_tangent() == 2 * single * 3
    assert len(linear.ops) == 6


def test_a_jvp_forgets_what_it_no_longer_needs(monkeypatch):
    """Of a chain of operations, one result is alive when the next is computed."""
    linear = linear_of(lambda x: tf.tanh(tf.tanh(tf.tanh(x))), point())
    made: list[weakref.ref] = []
    alive = []

    def watched(op):
        def jvp(tangents, original=op.jvp):
            gc.collect()
            alive.append(sum(reference() is not None for reference in made))
            result = original(tangents)
            made.append(weakref.ref(result))
            return result

        return jvp

    for _, _, op in linear.ops:
        monkeypatch.setattr(op, "jvp", watched(op))
    linear.jvp(tf.ones((1, *SHAPE), tf.float64))
    assert (len(made), max(alive)) == (len(linear.ops), 1)


def test_a_grouped_convolution_with_a_bias_is_computed_in_a_traced_function(rng):
    """TensorFlow would write it as one operation with the bias and ReLU, and refuse the groups."""
    x, kernel = rng.normal(size=(2, 8, 7, 6)).astype(np.float32), weights((3, 2, 2, 9), 3)
    bias = weights((9,), 4)

    def compute(values):
        y = convolve_groups(values, tf.constant(kernel, tf.float32), (1, 1), "SAME")
        return tf.nn.relu(tf.nn.bias_add(y, tf.constant(bias, tf.float32)))

    traced = tf.function(compute, input_signature=[tf.TensorSpec((None, 8, 7, 6))])
    assert_close(traced(tf.constant(x)).numpy(), compute(tf.constant(x)).numpy())


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [2, 0], [1, 2], [0, 0]]])
def test_a_grouped_convolution_is_one_convolution_per_group(stride, padding, rng):
    x, kernel = tf.constant(rng.normal(size=(2, 8, 7, 6))), weights((3, 2, 2, 9), 3)

    def split(values):
        pairs = zip(tf.split(values, 3, 3), tf.split(kernel, 3, 3), strict=True)
        return tf.concat([tf.nn.conv2d(a, b, stride, padding) for a, b in pairs], 3)

    found = []
    for compute in (split, lambda v: convolve_groups(v, tf.constant(kernel), stride, padding)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = compute(x)
            score = tf.reduce_sum(y * np.random.default_rng(1).normal(size=y.shape))
        found.append((y, tape.gradient(score, x)))
    for one, other in zip(*found, strict=True):
        assert_close(one.numpy(), other.numpy())
