"""Exact ablation: against a session with the layer fed, and against what theory says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import (
    conv,
    in_tensorflow,
    inception_like,
    network_of,
    sequence,
    weights,
)

from blockscope.attribution.ablation import (
    Losses,
    baseline_of,
    exact_losses,
    group_sets,
    linear_losses,
    loss_of_all,
    losses_by_one,
    named_ablation,
    single_channels,
    single_groups,
    single_positions,
)
from blockscope.attribution.neuron_groups import NeuronGroups, group_neurons
from blockscope.autodiff.exact_changes import ExactChanges
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.correlation import correlation, rank_correlation
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels

SHAPE = (13, 18, 3)


def straight(x):
    """A network without anything that is not linear, but with biases."""
    x = conv(x, 5, (3, 2), 2, seed=1, relu=False)
    x = tf.nn.avg_pool2d(tf.identity(x, "middle"), 2, 1, "SAME")
    x = conv(x, 4, (2, 3), 1, seed=2, relu=False)
    return tf.reduce_mean(x, [1, 2]) @ weights((4, 6), 3) + weights((6,), 4)


NETWORKS = {
    "inception": (inception_like, "mixed", tf.float32),  # its LRN takes no others
    "sequence": (in_tensorflow(sequence()), "input", tf.float64),
    "straight": (straight, "middle", tf.float64),
}
ROUNDING = {tf.float32: 2e-6, tf.float64: 1e-12}


class Case:
    """A network at an image, from one layer on, and the same in a session."""

    def __init__(self, name: str, rng: np.random.Generator) -> None:
        build, self.layer, dtype = NETWORKS[name]
        network = network_of(build, SHAPE, dtype)
        values: Any = rng.normal(size=(1, *SHAPE)).astype(dtype.as_numpy_dtype)
        given = (network, values, self.layer, "output", OVERRIDES["none"])
        self.gradients, self.linear = Gradients(*given), LinearMap(*given)
        self.changes = ExactChanges(self.gradients)
        self.rounding = ROUNDING[dtype]
        self.value = self.gradients.value
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            tf.import_graph_def(network.definition, name="")
        self.labels = [4, 0, 3]

    def logits(self, value):
        """Return logits with the layer fed."""
        feeds = {f"{self.layer}:0": value[None]}
        return self.session.run("output:0", feeds)[0][self.labels]

    def same(self, found, expected) -> None:
        np.testing.assert_allclose(found, expected, rtol=0, atol=self.rounding)

    def ablate(self, parts, **options) -> Losses:
        exact = exact_losses(self.changes, parts, self.labels, **options)
        return Losses(exact, linear_losses(self.linear, parts, self.labels, **options))


@pytest.fixture(params=NETWORKS)
def case(request, rng):
    return Case(request.param, rng)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_losses_are_those_of_the_network_with_the_layer_fed(case, baseline, rng):
    rows, cols, channels = case.value.shape
    instead = np.zeros(channels) if baseline == "zero" else case.value.mean((0, 1))
    whole = case.logits(case.value)
    found = case.ablate(single_positions(case.value, baseline))
    assert found.exact.shape == found.linear.shape == (3, rows * cols)
    for number in rng.choice(rows * cols, 7, replace=False):
        value = case.value.copy()
        value[number // cols, number % cols] = instead
        case.same(found.exact[:, number], whole - case.logits(value))
    found = case.ablate(single_channels(case.value, baseline))
    assert found.exact.shape == (3, channels)
    for number in range(channels):
        value = case.value.copy()
        value[..., number] = instead[number]
        case.same(found.exact[:, number], whole - case.logits(value))
    found = loss_of_all(case.gradients, baseline_of(case.value, baseline), case.labels)
    case.same(found, whole - case.logits(np.broadcast_to(instead, case.value.shape)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_is_at_its_mean(dtype, rng):
    """Its mean is the constant itself, so that it is not live, and what it costs is exactly 0."""
    value = rng.random((14, 13, 5)).astype(dtype)
    value[..., 1], value[..., 3] = 0.1, 0.7
    assert single_channels(value, "mean").live.tolist() == [0, 2, 4]
    assert single_channels(value, "zero").live.tolist() == [0, 1, 2, 3, 4]
    expected = value.astype(np.longdouble).mean((0, 1)).astype(dtype)
    np.testing.assert_array_equal(baseline_of(value, "mean")[0, 0], expected)
    assert not len(single_positions(np.full((14, 13, 3), 0.1, dtype), "mean").live)
    spatial = rng.random((14, 13, 3))
    spatial[..., 1] = 0.1
    groups = NeuronGroups(spatial, rng.random((3, 4)), 0.0, 0.0)
    assert single_groups(groups, "mean").live.tolist() == [0, 2]
    assert single_groups(groups, "zero").live.tolist() == [0, 1, 2]
    parts, members = group_sets(groups, "mean")
    assert parts.live.tolist() == [n for n in range(8) if members[n, [0, 2]].any()]


def test_one_position_is_not_set_to_its_mean(rng):
    """Every loss would be zero."""
    value = rng.normal(size=(1, 1, 4))
    for single in (single_positions, single_channels):
        assert len(single(value, "zero").live) > 0
        with pytest.raises(BadFile, match="one position is at its own mean: nothing would be"):
            single(value, "mean")


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_a_group_is_taken_away_as_a_whole(baseline, rng):
    case = Case("inception", rng)
    groups = group_neurons(case.value, 2)
    found = case.ablate(single_groups(groups, baseline))
    for number in range(2):
        part = groups.spatial[..., number, None] * groups.channels[number]
        if baseline == "mean":
            part = part - part.mean((0, 1))
        lost = case.logits(case.value) - case.logits(case.value - part)
        case.same(found.exact[:, number], lost)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_every_set_of_groups_is_taken_away_together(baseline, rng):
    case = Case("inception", rng)
    groups = group_neurons(case.value, 3)
    parts, members = group_sets(groups, baseline)
    assert members.shape == (8, 3)
    assert members[6].tolist() == [False, True, True]
    found = exact_losses(case.changes, parts, case.labels)
    single = case.ablate(single_groups(groups, baseline)).exact
    np.testing.assert_array_equal(losses_by_one(found, members), found[:, [1, 2, 4]])
    case.same(losses_by_one(found, members), single)
    assert not found[:, 0].any()
    part = groups.spatial[..., 1:] @ groups.channels[1:]
    if baseline == "mean":
        part = part - part.mean((0, 1))
    case.same(found[:, 6], case.logits(case.value) - case.logits(case.value - part))


def test_what_is_at_the_baseline_already_costs_nothing(rng):
    """Its loss is zero, exactly; the others' are those of the whole computation."""
    case = Case("inception", rng)
    value = case.value.copy()
    value[..., 1:4] = 0
    value[2, 3] = 0
    channels, positions = single_channels(value, "zero"), single_positions(value, "zero")
    assert {1, 2, 3}.isdisjoint(channels.live)
    assert 2 * value.shape[1] + 3 not in positions.live
    found = exact_losses(case.changes, channels, case.labels)
    dead = ~value.any((0, 1))
    assert not found[:, dead].any()
    assert found[:, ~dead].any(0).all()
    nothing = single_positions(np.zeros_like(value), "zero")
    for losses in (
        exact_losses(case.changes, nothing, case.labels),
        linear_losses(case.linear, nothing, case.labels),
    ):
        np.testing.assert_array_equal(losses, np.zeros((3, nothing.count)))


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_in_a_linear_network_both_are_the_same_and_add_up(baseline, rng):
    case = Case("straight", rng)
    for single in (single_positions, single_channels):
        found = case.ablate(single(case.value, baseline))
        case.same(found.exact, found.linear)
        whole = loss_of_all(case.gradients, baseline_of(case.value, baseline), case.labels)
        case.same(found.exact.sum(1), whole)
        assert np.abs(found.exact).max() > 0.01


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_the_linear_loss_is_gradient_times_change(rng, baseline):
    """The gradient is TensorFlow's; the change, of each part, from the activations to the mean."""
    case = Case("inception", rng)
    with case.session.graph.as_default():
        logits, layer = (
            case.session.graph.get_tensor_by_name(f"{name}:0") for name in ("output", case.layer)
        )
        (slope,) = tf.gradients(logits[:, 4], layer)
    gradient = case.session.run(slope, {layer: case.value[None]})[0]
    whole = case.value - (case.value.mean((0, 1)) if baseline == "mean" else 0)
    found = case.ablate(single_positions(case.value, baseline))
    case.same(found.linear[0], (gradient * whole).sum(-1).ravel())
    found = case.ablate(single_channels(case.value, baseline))
    case.same(found.linear[0], (gradient * whole).sum((0, 1)))
    groups = group_neurons(case.value, 3)
    found = case.ablate(single_groups(groups, baseline))
    for number in range(3):
        part = groups.spatial[..., number, None] * groups.channels[number]
        part = part - (part.mean((0, 1)) if baseline == "mean" else 0)
        case.same(found.linear[0, number], (gradient * part).sum())


def test_memory_changes_nothing(rng):
    case = Case("sequence", rng)
    parts = single_positions(case.value, "zero")
    few, many = case.ablate(parts, memory_mb=1), case.ablate(parts, memory_mb=4096)
    case.same(few.exact, many.exact)
    case.same(few.linear, many.linear)


def test_correlations_by_hand():
    first = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4], [5, 5, 5, 5], [1, 1, 2, 3]])
    second = np.array([[2.0, 4, 6, 8], [1, 10, 9, 1000], [1, 2, 3, 4], [4, 3, 3, 1]])
    pearson, spearman = correlation(first, second), rank_correlation(first, second)
    assert pearson[0] == spearman[0] == pytest.approx(1)
    assert spearman[1] == pytest.approx(0.8)  # 1 - 6 * (1 + 1) / (4 * 15)
    assert np.isnan([pearson[2], spearman[2]]).all()
    # Ranks 1.5, 1.5, 3, 4 and 4, 2.5, 2.5, 1; deviations from 2.5 multiplied and summed: -3.75.
    assert spearman[3] == pytest.approx(-3.75 / 4.5)


def test_the_axes_are_named_and_agreement_is_measured(rng):
    exact = rng.normal(size=(2, 6)).astype("f4")
    linear = exact + rng.normal(size=(2, 6)).astype("f4") / 3
    losses = {"positions": Losses(exact, linear)}
    whole = np.array([2.0, 0.0], "f4")
    sets = (rng.normal(size=(2, 4)).astype("f4"), np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool))
    logits = np.array([0.5, 2.0, -1.0], "f4")
    labels = Labels(["x", "a", "b"], skip=1)
    found = named_ablation(losses, whole, np.zeros((2, 3, 4)), logits, labels, sets=sets)
    np.testing.assert_array_equal(found["all"], whole)
    np.testing.assert_array_equal(found["sets"].transpose("label", "set"), sets[0])
    np.testing.assert_array_equal(found["member"].transpose("set", "factor"), sets[1])
    assert "sets" not in named_ablation(losses, whole, np.zeros((2, 3, 4)), logits, labels)
    assert found["positions"].dims == ("label", "row", "col")
    np.testing.assert_array_equal(found["positions"][1, 1], exact[1, 3:])
    np.testing.assert_array_equal(found["positions_linear"][0, 0], linear[0, :3])
    assert list(found["label"].values) == ["a", "b"]
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(exact, linear, strict=True)]
    np.testing.assert_allclose(found["positions_correlation"], expected, rtol=1e-6)
    assert found["positions_share"][0] == pytest.approx(exact[0].sum() / 2, rel=1e-6)
    assert np.isnan(found["positions_share"][1])
    rounded = named_ablation(losses, np.array([3e-6, -2e-6]), np.zeros((2, 3, 4)), logits, labels)
    assert np.isnan(rounded["positions_share"]).all()  # a ratio of rounding errors
    assert {found[name].attrs["units"] for name in ("positions", "positions_linear")} == {"logit"}
