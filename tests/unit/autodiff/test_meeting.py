"""Where positions can meet, and what that takes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import point
from helpers.tiny_network import conv, inception_like, linear_of

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.meeting import cheapest_meeting, meeting_places


def test_are_the_tensors_that_every_way_passes_through():
    def build(x):
        x = conv(x, 4, seed=1, name="one")
        y = conv(conv(x, 4, seed=2, name="aside"), 4, seed=3, name="branch")
        x = tf.add(x, y, name="two")
        return conv(x, 2, seed=4, name="three")

    places = {name.partition(":")[0] for name in meeting_places(linear_of(build, point()))}
    assert {"input", "one", "two", "three", "output"} <= places
    assert not {"aside", "branch"} & places


def test_are_not_before_an_operation_without_windows_in_reverse():
    def build(x):
        x = conv(x, 4, seed=1, name="one")
        x = tf.identity(x * tf.reduce_mean(x, [1, 2], keepdims=True), name="two")
        return conv(x, 2, seed=4, name="three")

    places = meeting_places(linear_of(build, point()))
    assert {"two", "three", "output"} <= set(places)
    assert not {"input", "one"} & set(places)


def test_work_is_counted_by_hand():
    """Kernels of 3 x 2, then 2 x 3; 9 x 11 positions; 3, 4 and 5 channels."""

    def build(x):
        return conv(conv(x, 4, (3, 2), name="one"), 5, (2, 3))

    linear = linear_of(build, point((9, 11, 3)))
    places = meeting_places(linear)
    first, second = 3 * 2 * 3 * 4, 2 * 3 * 4 * 5
    count = 9 * 11
    assert places["one"] == count * (first + second + count * 6 * 4)
    assert places["input"] == count * (second + 6 * first + count * 1 * 3)
    assert places["output"] == count * (first + 6 * second + (4 * 4) * 5)


def test_the_least_work_is_chosen():
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), "none", "early", "mixed")
    places = meeting_places(linear)
    assert len(places) > 3
    assert cheapest_meeting(linear) == min(places, key=places.__getitem__)


def test_reverse_mode_on_whole_maps_is_chosen_where_it_takes_less():
    """One position of layer 2, behind an operation without windows in reverse."""

    def build(x):
        return tf.reduce_mean(conv(conv(x, 4), 4), [1, 2], keepdims=True)

    assert cheapest_meeting(linear_of(build, point())) is None


def test_counting_computes_nothing(monkeypatch):
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), "none", "early", "mixed")

    def refuse(*_):
        pytest.fail("a tangent was computed")

    for _, _, op in linear.ops:
        for name in ("jvp", "jvp_windows", "vjp_windows"):
            monkeypatch.setattr(op, name, refuse)
    assert cheapest_meeting(linear) in meeting_places(linear)


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("layer", ["input", "pooled"])
def test_operations_say_where_their_windows_will_lie(layer, override):
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), override, layer, "late")
    positions = np.argwhere(np.ones(linear.value.shape[1:3])).astype(np.int32)
    before = {layer: linear.jvp_windows(positions, [])}
    seen = set()
    for name, edges, op in linear.ops:
        window = before.get(edges[0])
        if window is None or len(op.point.moving) > 1:
            continue
        frame = op.outputs_of(window.frame)
        found = op.jvp_windows([window, *[None] * (len(edges) - 1)])
        np.testing.assert_array_equal(found.frame.top, frame.top)
        np.testing.assert_array_equal(found.frame.left, frame.left)
        assert (found.frame.rows, found.frame.cols) == (frame.rows, frame.cols)
        seen.add(type(op).__name__)
        before[name] = found
    assert {"Convolution", "Elementwise", "Identity"} < seen


def test_the_count_in_forward_mode_is_that_of_a_position():
    linear = linear_of(inception_like, point((41, 33, 2), "everything"), "none", "early", "late")
    rows, cols = linear.value.shape[1:3]
    found = meeting_places(linear)["late"] - rows * cols * np.prod(linear.output.shape)
    assert found <= rows * cols * linear.multiplications_per_position()
