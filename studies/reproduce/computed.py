"""The arrays of the published numbers, by the functions that the workflow's stages call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blockscope.attribution.activations import activations
from blockscope.attribution.all_labels import attribute_labels, softmax
from blockscope.attribution.contrasts import NO_REFERENCE, Contrast
from blockscope.attribution.factors import factorise, positive_part
from blockscope.attribution.group_effects import attribute_groups
from blockscope.attribution.integrated_gradients import ChannelPaths, draw_noise
from blockscope.attribution.neuron_groups import group_neurons
from blockscope.io.images import Pixels
from blockscope.models.card import ModelCard
from blockscope.models.network import Network
from blockscope.stages.attribution.layer_task import LayerTask
from studies.reproduce.quantities import Array, Question

SEEDS = range(8)  # of the noise; each is one draw


@dataclass(frozen=True)
class Subject:
    """A network, its card, and an image as the network sees it, (row, col, rgb)."""

    network: Network
    card: ModelCard
    pixels: Pixels

    def layer_task(self, question: Question) -> LayerTask:
        """Return what the stages start from; its provenance is empty, since nothing is written."""
        return LayerTask(
            card=self.card,
            network=self.network,
            facts={},
            values=self.network.values(self.pixels),
            activations=activations(self.network, self.pixels, question.layer),
            layer=question.layer,
            target=self.card.logits,
            override=question.override,
        )

    def paths(self, question: Question) -> ChannelPaths:
        """Return the attribution to channels of one label, or of a contrast of two."""
        first, *others = question.labels
        contrast = Contrast(first, others[0] if others else NO_REFERENCE)
        return ChannelPaths(self.layer_task(question).gradients(), [contrast])


def compute(question: Question, subject: Subject) -> Array:
    """Return the arrays of a question, (draw, ...), with the axes of ``quantities.AXES``.

    Only `stochastic` has more than one draw. Raises ``UnknownName`` if the network lacks the layer.
    """
    if question.layer != subject.card.logits:
        subject.card.layer(question.layer)
    return COMPUTED[question.method](question, subject)


def _linear(question: Question, subject: Subject) -> Array:
    return subject.paths(question).linear().values


def _path(question: Question, subject: Subject) -> Array:
    return subject.paths(question).left().values


def _stochastic(question: Question, subject: Subject) -> Array:
    paths = subject.paths(question)
    channels = paths.gradients.value.shape[-1]
    draws = [paths.stochastic(draw_noise(seed, channels)).values[0] for seed in SEEDS]
    return np.stack(draws)


def _activations(question: Question, subject: Subject) -> Array:
    return activations(subject.network, subject.pixels, question.layer)[None]


def _probability(question: Question, subject: Subject) -> Array:
    network = subject.network
    values = network.values(subject.pixels)
    logits = network.run({network.spec.tensor: values}, [question.layer])[question.layer]
    return softmax(logits.numpy()[0])[None]


def _factors(question: Question, subject: Subject) -> Array:
    """Return the label weights of factors of the positive attribution, (1, factor, logit)."""
    labels = list(question.labels or subject.card.label_table.indexes)
    found = attribute_labels(subject.layer_task(question).linear(), labels)
    factors = factorise([positive_part(found.transpose(1, 2, 0))], question.n)
    weights = np.zeros((1, question.n, subject.card.outputs))
    weights[0][:, labels] = factors.labels
    return weights


def _neuron_groups(question: Question, subject: Subject) -> Array:
    """Return effects of neuron groups (1, group, logit), by effect on the last label."""
    task = subject.layer_task(question)
    groups = group_neurons(task.activations, question.n)
    effects = attribute_groups(task.linear(), groups, range(subject.card.outputs))
    return effects[None, np.argsort(effects[:, question.labels[-1]], kind="stable")]


COMPUTED: dict[str, Callable[[Question, Subject], Array]] = {
    "linear": _linear,
    "path-left-100": _path,
    "stochastic": _stochastic,
    "activations": _activations,
    "probability": _probability,
    "factors": _factors,
    "neuron groups": _neuron_groups,
}
