"""Logits in batches: the same compiled, as written, and one by one, whatever the memory."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import inception_like, network_of

from blockscope.autodiff import batched_logits
from blockscope.autodiff.batched_logits import COMPILED_AT_ONCE, Logits
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients

SHAPE = (37, 29, 3)
LABELS = [4, 0, 7]
COUNT = 2 * COMPILED_AT_ONCE + 3
ALWAYS, NEVER = 0, 1e30  # bytes for an operation from which on it is compiled


@pytest.fixture(params=["input", "mixed"])
def gradients(request, rng) -> Gradients:
    network = network_of(inception_like, SHAPE, tf.float32)
    image = rng.normal(size=(1, *SHAPE)).astype("f4")
    return Gradients(network, image, request.param, "output", OVERRIDES["none"])


def noting(gradients, monkeypatch) -> list[tuple[bool, int]]:
    """Note of every pass whether it is computed at once, not traced, and for how many points."""
    seen = []
    computed = gradients.values_at

    def values_at(points):
        seen.append((tf.executing_eagerly(), points.shape[0]))
        return computed(points)

    monkeypatch.setattr(gradients, "values_at", values_at)
    return seen


def points_of(gradients, rng):
    """Return many points, and the logits of each by itself."""
    shape = (COUNT, *gradients.value.shape)
    points = (gradients.value * rng.uniform(0.2, 2, shape)).astype("f4")
    alone = [gradients.values_at(point[None]).numpy()[:, LABELS] for point in points]
    return points, np.concatenate(alone)


@pytest.mark.parametrize("bytes_per_operation", [ALWAYS, NEVER])
def test_batches_are_what_one_by_one_gives(gradients, rng, monkeypatch, bytes_per_operation):
    monkeypatch.setattr(batched_logits, "BYTES_PER_OPERATION", bytes_per_operation)
    points, expected = points_of(gradients, rng)
    seen = noting(gradients, monkeypatch)
    for memory_mb in (2048, 0):
        seen.clear()
        logits = Logits(gradients, LABELS, COUNT, memory_mb)
        assert logits.compiled == (bytes_per_operation == ALWAYS)
        for count in (COUNT, 1, 5, min(COUNT, logits.batch + 1)):
            found = logits(count, points.__getitem__)
            np.testing.assert_allclose(found, expected[:count], atol=1e-6)
        if logits.compiled:  # once, for one size
            assert seen == [(False, logits.batch)]
            assert logits.batch == (COMPILED_AT_ONCE if memory_mb else 1)
        else:
            assert seen[0] == (True, COUNT if memory_mb else 1)


def test_batches_stay_below_the_memory(gradients, monkeypatch):
    monkeypatch.setattr(gradients, "bytes_per_point", 10_000_000)
    for bytes_per_operation in (ALWAYS, NEVER):
        monkeypatch.setattr(batched_logits, "BYTES_PER_OPERATION", bytes_per_operation)
        found = [Logits(gradients, LABELS, 9, mb).batch for mb in (256, 100, 20)]
        assert found == [8, 3, 1]  # three times what the values take
        most = Logits(gradients, LABELS, 9, 100_000).batch
        assert most == (COMPILED_AT_ONCE if bytes_per_operation == ALWAYS else 32)


def test_it_is_compiled_where_many_large_passes_are_asked_for(gradients, monkeypatch):
    def chosen(expected: int, mb: float) -> bool:
        monkeypatch.setattr(gradients, "bytes_per_point", round(1e6 * mb))
        return Logits(gradients, LABELS, expected).compiled

    monkeypatch.setattr(gradients, "operations", 200)
    assert chosen(200, 50)  # InceptionV1 from the pixels on
    assert not chosen(10, 50)
    assert not chosen(200, 0.5)
    assert not chosen(0, 50)


def test_operations_are_those_between_layer_and_target():
    network = network_of(inception_like, SHAPE, tf.float32)
    nodes = {node.name: node for node in network.definition.node}
    counts = {}
    for layer in ("input", "mixed", "late"):
        made = Gradients(network, np.zeros((1, *SHAPE), "f4"), layer, "output", OVERRIDES["none"])
        counts[layer] = made.operations
    assert counts["input"] == sum(node.op != "Const" for node in nodes.values())
    # Itself, the average of windows and of all, the product, and what names it.
    assert counts["late"] == 5
    assert counts["input"] > counts["mixed"] > counts["late"]


def test_a_graph_made_for_one_image_is_compiled_for_one(gradients, rng, monkeypatch):
    monkeypatch.setattr(batched_logits, "BYTES_PER_OPERATION", ALWAYS)
    spec = gradients.network.spec.model_copy(update={"one_by_one": True})
    monkeypatch.setattr(gradients.network, "spec", spec)
    points, expected = points_of(gradients, rng)
    seen = noting(gradients, monkeypatch)
    found = Logits(gradients, LABELS, COUNT)(COUNT, points.__getitem__)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert seen == [(False, 1)]
