"""Attribution of all labels to positions: against loops, in both modes, at any memory."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import in_tensorflow, inception_like, linear_of, sequence
from oracles.class_positions import class_positions

from blockscope.attribution.all_labels import attribute_labels, named_labels, sigmoid, softmax
from blockscope.attribution.contrasts import find_contrasts
from blockscope.autodiff.batches import LARGEST, Mode, cheaper_mode, in_batches
from blockscope.autodiff.gradient_overrides import OVERRIDES, Override
from blockscope.figures.data.contrasts import find_contrast
from blockscope.io.label_scores import described, head_of, highest_labels, score_name, unit_name
from blockscope.io.labels import Labels


def image(rng, shape=(7, 9, 3)):
    return rng.normal(0.5, 1, shape)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("override", "rule"),
    [("none", "max"), ("smooth", "smooth"), ("smooth-blur", "smooth-blur")],
)
def test_equals_the_formula_in_loops(override, rule, mode, rng):
    x = image(rng)
    linear = linear_of(in_tensorflow(sequence(rule)), x, override)
    found = attribute_labels(linear, range(5), mode=mode)
    expected = class_positions(sequence(rule), x)
    assert found.shape == (5, 7, 9)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_overrides_differ(rng):
    x = image(rng)
    maps = [
        attribute_labels(linear_of(in_tensorflow(sequence("max")), x, override), range(5))
        for override in OVERRIDES
    ]
    assert np.abs(maps[0] - maps[1]).max() > 1e-3
    assert np.abs(maps[1] - maps[2]).max() > 1e-3


@pytest.mark.parametrize("mode", Mode)
def test_an_override_of_ones_own_works_in_both_modes(mode, rng, monkeypatch):
    """A rule as a user writes it: an even share to every neighbour, by its size."""

    def shared_pool(x, y, node, gradient):
        kernel, stride = list(node.attr["ksize"].list.i), list(node.attr["strides"].list.i)
        padding = node.attr["padding"].s.decode()
        spread = tf.raw_ops.AvgPoolGrad(
            orig_input_shape=tf.shape(x),
            grad=gradient,
            ksize=kernel,
            strides=stride,
            padding=padding,
        )
        return spread * tf.abs(x)

    monkeypatch.setitem(
        OVERRIDES, "shared", Override("a rule of one's own", {"MaxPool": shared_pool})
    )
    x = image(rng)
    linear = linear_of(in_tensorflow(sequence("max")), x, "shared")
    found = attribute_labels(linear, range(5), mode=mode)

    @tf.custom_gradient
    def pool(value, size, stride):
        y = tf.nn.max_pool2d(value, size, stride, "SAME")
        (node,) = [n for n in linear_nodes if n.attr["ksize"].list.i[1] == size]
        return y, lambda upstream: (shared_pool(value, y, node, upstream), None, None)

    linear_nodes = [op.point.node for _, _, op in linear.ops if op.point.node.op == "MaxPool"]
    with tf.GradientTape(persistent=True) as tape:
        value = tf.constant(x[None])
        tape.watch(value)
        y = value
        for layer in sequence("max"):
            y = pool(y, layer[1], layer[2]) if layer[0] == "pool" else in_tensorflow([layer])(y)
        logits = [y[0, i] for i in range(5)]
    expected = [(tape.gradient(logit, value).numpy()[0] * x).sum(-1) for logit in logits]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_attribution_sums_to_the_logits_of_a_homogeneous_network(rng):
    """Without biases the logits are linear along the ray to zero: the map explains all of them."""
    network = [
        (*layer[:2], 0 * layer[2], layer[3]) if layer[0] == "conv" else layer
        for layer in sequence("max")
    ]
    linear = linear_of(in_tensorflow(network), image(rng))
    total = attribute_labels(linear, range(5)).sum((1, 2))
    np.testing.assert_allclose(total, linear.output.numpy()[0], rtol=1e-9)


@pytest.mark.parametrize("mode", Mode)
def test_labels_may_come_in_any_order(mode, rng):
    linear = linear_of(in_tensorflow(sequence("max")), image(rng))
    every = attribute_labels(linear, range(5), mode=mode)
    some = attribute_labels(linear, [3, 0], mode=mode)
    np.testing.assert_allclose(some, every[[3, 0]], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("mode", Mode)
def test_memory_bounds_the_batches_and_changes_nothing(mode, rng, monkeypatch):
    x = image(rng, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, x, layer="mixed")
    ample = attribute_labels(linear, range(9), memory_mb=10_000, mode=mode)
    monkeypatch.setattr(linear, "bytes_per_tangent", lambda: 10**7)
    scarce = attribute_labels(linear, range(9), memory_mb=100, mode=mode)
    np.testing.assert_allclose(scarce, ample, atol=1e-6 * np.abs(ample).max())


def test_batches_fit_the_memory_and_hold_every_item():
    batches = in_batches(np.arange(1000), bytes_each=10**6, memory_mb=60)
    assert [len(b) for b in batches] == [20] * 50
    np.testing.assert_array_equal(np.concatenate(batches), np.arange(1000))
    assert len(in_batches(np.arange(1000), 1, 10_000)[0]) == LARGEST
    assert len(in_batches(np.arange(3), 10**9, 1)[0]) == 1


def test_the_cheaper_mode_is_chosen_by_positions_and_labels(rng):
    x = image(rng, (41, 33, 2)).astype(np.float32)
    late = linear_of(inception_like, x, layer="late")
    early = linear_of(inception_like, x, layer="input")
    assert cheaper_mode(late, labels=1000) is Mode.FORWARD
    assert cheaper_mode(early, labels=1) is Mode.REVERSE


def test_a_multiplication_in_reverse_mode_counts_twice(rng, monkeypatch):
    x = image(rng, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, x, layer="input")  # 1353 positions
    monkeypatch.setattr(linear, "multiplications_per_position", lambda: 10)
    monkeypatch.setattr(linear, "multiplications_per_cotangent", lambda: 100)
    assert cheaper_mode(linear, labels=68) is Mode.FORWARD
    assert cheaper_mode(linear, labels=67) is Mode.REVERSE


def test_named_axes_carry_names_and_probabilities():
    labels = Labels(["dummy", "crane", "crane", "dog"], skip=1)
    logits = np.array([9.0, 1.0, 2.0, 3.0, 4.0], np.float32)
    dataset = named_labels(np.zeros((3, 5, 7)), logits, labels)  # type: ignore[arg-type]
    assert dict(dataset.sizes) == {"label": 3, "row": 5, "col": 7}
    assert dataset["attribution"].dtype == np.float32
    assert dataset["label"].to_numpy().tolist() == ["crane", "crane", "dog"]
    assert dataset["index"].to_numpy().tolist() == [1, 2, 3]
    assert dataset["logit"].to_numpy().tolist() == [1, 2, 3]
    everything = np.exp([9, 1, 2, 3, 4])
    expected = (everything / everything.sum())[1:4]
    np.testing.assert_allclose(dataset["probability"], expected, rtol=1e-6)


def test_softmax_survives_large_logits():
    np.testing.assert_allclose(softmax(np.array([1000.0, 1000.0], np.float32)), [0.5, 0.5])


def test_each_label_under_a_sigmoid_has_its_own_probability():
    logits = np.array([-200.0, 0.0, np.log(3.0), 40.0, 41.0], np.float32)
    labels = Labels(list("abcde"), skip=1)
    dataset = named_labels(np.zeros((4, 5, 7), np.float32), logits, labels, "sigmoid")
    np.testing.assert_allclose(dataset["probability"], [0.5, 0.75, 1, 1], rtol=1e-6)
    np.testing.assert_array_equal(dataset["logit"], logits[1:])
    assert dataset["attribution"].attrs["units"] == "logit"
    assert head_of(dataset) == "sigmoid"
    # 40 and 41 have the same probability in float32.
    assert highest_labels(dataset).tolist() == [3, 2, 1, 0]
    assert sigmoid(logits)[0] == pytest.approx(np.exp(-200.0))


def test_labels_of_no_probability_in_float32_are_ranked_by_their_logits():
    logits = np.array([0, -200, 5, 5, 150], np.float32)
    labels = Labels(list("abcde"))
    dataset = named_labels(np.zeros((5, 5, 7), np.float32), logits, labels)
    assert dataset["probability"].to_numpy().tolist() == [0, 0, 0, 0, 1]
    assert highest_labels(dataset).tolist() == [4, 2, 3, 0, 1]
    shown = find_contrast((), dataset)
    (computed,) = find_contrasts([""], logits, labels)
    assert (shown.first, shown.second) == tuple(computed) == (4, 2)


def test_values_without_a_head_have_no_probability():
    values = np.array([-2.0, 7.0, 3.0], np.float32)
    dataset = named_labels(np.zeros((3, 5, 7), np.float32), values, Labels(list("abc")), "none")
    assert set(dataset.coords) == {"label", "index", "output"}
    np.testing.assert_array_equal(dataset["output"], values)
    assert dataset["attribution"].attrs == {
        "long_name": "activation times gradient of the output, summed over channels",
        "units": "output",
    }
    assert (head_of(dataset), score_name(dataset), unit_name(dataset)) == (
        "none",
        "output",
        "output",
    )
    assert highest_labels(dataset, 2).tolist() == [1, 2]
    assert set(described(dataset)) == {"label", "index", "output"}


def test_the_labels_of_a_softmax_are_described_as_ever():
    dataset = named_labels(np.zeros((3, 5, 7), np.float32), np.zeros(3, "f4"), Labels(list("abc")))
    assert list(dataset.coords) == ["label", "index", "logit", "probability"]
    assert dataset["probability"].attrs == {
        "long_name": "probability: softmax of the logits",
        "units": "1",
    }
    assert (head_of(dataset), unit_name(dataset)) == ("softmax", "logit")
