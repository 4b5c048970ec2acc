"""All labels at a layer, against one pass of a ``GradientTape`` per label on the original model."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bench.zoo.keras_original import KerasOriginal, as_map, held
from bench.zoo.original import Array, difference
from blockscope.attribution.all_labels import attribute_labels
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.models.network import Network


@dataclass(frozen=True)
class Speed:
    """Seconds of pairs: ours for all labels; a pass of the original, scaled to all labels.

    ``eager``: as a researcher writes it. ``compiled``: the same inside a ``tf.function``.
    ``errors``: the largest relative difference of ours from either, for the labels of the passes.
    """

    ours: list[float]
    eager: list[float]
    compiled: list[float]
    errors: dict[str, float]


def measure(
    original: KerasOriginal,
    network: Network,
    layer: str,
    ours: str,
    pairs: int,
    passes: int,
) -> Speed:
    """Time both sides in turn, after a turn that warms them up.

    Parameters
    ----------
    original
        The network in Keras.
    network
        The same in normal form.
    layer
        The layer, by the name that Keras gives.
    ours
        The same layer in normal form.
    pairs
        How many times both are timed.
    passes
        Labels that passes of the original are timed on.

    Returns
    -------
    speed
        What was measured.
    """
    labels = len(original.logits(0))
    given, values = original.fed(0), network.values(original.image(0))
    compiled = tf.function(one_pass, autograph=False)
    speed = Speed([], [], [], {"eager": 0.0, "compiled": 0.0})
    for pair in range(pairs + 1):
        found, taken = all_labels(network, values, ours, labels)
        seconds = [taken]
        for way, run in {"eager": one_pass, "compiled": compiled}.items():
            began = time.perf_counter()
            maps = [run(original, given, layer, tf.constant(i)) for i in range(passes)]
            seconds.append((time.perf_counter() - began) / passes * labels)
            error = difference(found[:passes], np.stack(maps))
            speed.errors[way] = max(speed.errors[way], error)
        if pair:
            for timed, one in zip((speed.ours, speed.eager, speed.compiled), seconds, strict=True):
                timed.append(one)
    return speed


def all_labels(network: Network, values: Array, layer: str, labels: int) -> tuple[Array, float]:
    """Return the attribution of all labels at a layer, (label, row, col), and its seconds."""
    began = time.perf_counter()
    linear = LinearMap(network, values, layer, network.logits, OVERRIDES["none"])
    found = attribute_labels(linear, range(labels))
    return found, time.perf_counter() - began


def one_pass(original: KerasOriginal, given: tf.Tensor, layer: str, label: tf.Tensor) -> tf.Tensor:
    """Return the attribution of one label's logit, (row, col)."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        with held(original.model, [layer], tape) as values:
            logits = original.model(given, training=False)
        score = logits[0, label]
    return tf.reduce_sum(as_map(tape.gradient(score, values[layer]) * values[layer]), -1)[0]
