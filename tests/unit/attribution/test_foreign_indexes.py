"""Labels and channels that a network has not: refused by all that takes their numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import inception_like, network_of

from blockscope.attribution.ablation import (
    exact_losses,
    linear_losses,
    loss_of_all,
    single_channels,
)
from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.contrasts import LOGSUMEXP, Contrast
from blockscope.attribution.flow import flow_between, flow_to_labels, parts_of
from blockscope.attribution.grad_x_activation import (
    attribute_channels,
    attribute_labels_to_channels,
)
from blockscope.attribution.group_effects import attribute_groups
from blockscope.attribution.integrated_gradients import ChannelPaths
from blockscope.attribution.neuron_groups import group_neurons
from blockscope.attribution.rivals import rival_maps, slopes_at
from blockscope.autodiff.batched_logits import Logits
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.exact_changes import ExactChanges
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.feature_visualization.named_recipes import find_recipe
from blockscope.feature_visualization.sprites import render_sprites
from blockscope.feature_visualization.units import channels
from blockscope.io.errors import UnknownName


class Case:
    """A network of nine logits at an image, from a layer of eleven channels on."""

    def __init__(self) -> None:
        x = np.random.default_rng(0).random((1, 20, 24, 3)).astype(np.float32)
        self.network = network_of(inception_like, x.shape[1:], tf.float32)
        place = (self.network, x, "mixed", "output", OVERRIDES["none"])
        self.gradients, self.linear = Gradients(*place), LinearMap(*place)
        self.value = self.gradients.value
        self.points = self.value[None]
        self.groups = group_neurons(self.value, 2)
        self.divided = parts_of(self.value, self.groups)
        self.parts = single_channels(self.value, "zero")
        self.changes = ExactChanges(self.gradients)
        self.to_late = LinearMap(self.network, x, "early", "mixed", OVERRIDES["none"])
        early = self.to_late.value.numpy()[0]
        self.earlier = parts_of(early, group_neurons(early, 2))


@pytest.fixture(scope="module")
def case() -> Case:
    return Case()


BY_LABELS = {
    "attribute_labels": lambda c, i: attribute_labels(c.linear, i),
    "forward": lambda c, i: attribute_labels(c.linear, i, mode=Mode.FORWARD),
    "reverse": lambda c, i: attribute_labels(c.linear, i, mode=Mode.REVERSE),
    "labels_to_channels": lambda c, i: attribute_labels_to_channels(c.linear, i),
    "groups": lambda c, i: attribute_groups(c.linear, c.groups, i),
    "slopes_at": lambda c, i: slopes_at(c.gradients, c.points, i),
    "rival_maps": lambda c, i: rival_maps(c.gradients, c.points, i),
    "loss_of_all": lambda c, i: loss_of_all(c.gradients, 0 * c.value, i),
    "exact_losses": lambda c, i: exact_losses(c.changes, c.parts, i),
    "linear_losses": lambda c, i: linear_losses(c.linear, c.parts, i),
    "flow_between": lambda c, i: flow_between(c.to_late, c.linear, c.earlier, c.divided, i),
    "flow_to_labels": lambda c, i: flow_to_labels(c.linear, c.divided, i),
    "logits": lambda c, i: Logits(c.gradients, i, 1),
}


@pytest.mark.parametrize("name", BY_LABELS)
@pytest.mark.parametrize("wrong", [[9], [0, -1], [0.5], [True], []])
def test_a_label_that_is_not_there_is_refused(case, name, wrong):
    found = str(wrong[-1]) if wrong else "none"
    with pytest.raises(
        UnknownName, match=rf"^labels .* found {found}; valid: .* 0 to 8,.*'indexes'"
    ):
        BY_LABELS[name](case, wrong)


@pytest.mark.parametrize("wrong", [[7], [0, -1], [0.5], [True], []])
def test_a_channel_that_is_not_there_is_refused(case, wrong):
    linear = LinearMap(case.network, case.gradients.values, "mixed", "late", OVERRIDES["none"])
    with pytest.raises(UnknownName, match=r"^channels are given .* from 0 to 6,.*'channels'"):
        attribute_channels(linear, wrong)


@pytest.mark.parametrize(
    "wrong", [[], [Contrast(9, 1)], [Contrast(-1, 1)], [Contrast(0, 9)], [Contrast(0, -3)]]
)
def test_a_contrast_of_a_label_that_is_not_there_is_refused(case, wrong):
    with pytest.raises(UnknownName, match=r"^labels are given .* 0 to 8,.*'contrasts'"):
        ChannelPaths(case.gradients, wrong)
    assert len(ChannelPaths(case.gradients, [Contrast(8, LOGSUMEXP)]).scores) == 1


@pytest.mark.parametrize(
    ("count", "numbers"), [(6, []), (6, [-1]), (6, [6]), (6, [0.5]), (0, None)]
)
def test_a_unit_that_is_not_there_is_refused(case, count, numbers):
    with pytest.raises(UnknownName, match=r"^channels of layer 'early' are given .*'numbers'"):
        render_sprites(case.network, channels("early", count), find_recipe("draft"), numbers)
