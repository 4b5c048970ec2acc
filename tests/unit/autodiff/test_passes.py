"""Passes in batches: the same compiled, as written, and one by one, whatever the memory."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import inception_like, network_of

from blockscope.autodiff import passes
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.passes import COMPILED_AT_ONCE, Passes

SHAPE = (37, 29, 3)
COUNT = 2 * COMPILED_AT_ONCE + 3
ALWAYS, NEVER = 0, 1e30  # bytes for an operation from which on it is compiled


@pytest.fixture(params=["input", "mixed"])
def gradients(request, rng) -> Gradients:
    network = network_of(inception_like, SHAPE, tf.float32)
    image = rng.normal(size=(1, *SHAPE)).astype("f4")
    return Gradients(network, image, request.param, "output", OVERRIDES["none"])


def scaled(gradients):
    """Return what a network makes of its layer times a number, with a note of all batches."""
    seen: list[tuple[bool, int]] = []

    def push(factors: tf.Tensor, signs: tf.Tensor) -> tf.Tensor:
        seen.append((tf.executing_eagerly(), factors.shape[0]))
        by = factors * tf.cast(signs, factors.dtype)
        return gradients.values_at(by[:, None, None, None] * gradients.value)

    return push, seen


def items(rng):
    return rng.uniform(0.2, 2, COUNT).astype("f4"), rng.choice([-1, 1], COUNT)


def expected_of(gradients, factors, signs):
    return np.concatenate(
        [
            gradients.values_at((f * np.float32(s) * gradients.value)[None]).numpy()
            for f, s in zip(factors, signs, strict=True)
        ]
    )


@pytest.mark.parametrize("bytes_per_operation", [ALWAYS, NEVER])
def test_batches_are_what_one_by_one_gives(gradients, rng, monkeypatch, bytes_per_operation):
    monkeypatch.setattr(passes, "BYTES_PER_OPERATION", bytes_per_operation)
    given = items(rng)
    expected = expected_of(gradients, *given)
    for memory_mb in (2048, 0):
        push, seen = scaled(gradients)
        computed = Passes(push, gradients, COUNT, memory_mb)
        assert computed.compiled == (bytes_per_operation == ALWAYS)
        np.testing.assert_allclose(computed(*given), expected, atol=1e-6)
        several = [computed(*(one[:n] for one in given)) for n in (1, 5, computed.batch + 1)]
        for found in several:
            np.testing.assert_allclose(found, expected[: len(found)], atol=1e-6)
        if computed.compiled:  # once, for one size
            assert seen == [(False, computed.batch)]
            assert computed.batch == (COMPILED_AT_ONCE if memory_mb else 1)
        else:
            assert seen[0] == (True, COUNT if memory_mb else 1)


def test_batches_stay_below_the_memory(gradients, monkeypatch):
    monkeypatch.setattr(gradients, "bytes_per_point", 10_000_000)
    for bytes_per_operation in (ALWAYS, NEVER):
        monkeypatch.setattr(passes, "BYTES_PER_OPERATION", bytes_per_operation)
        found = [Passes(tf.identity, gradients, 9, mb).batch for mb in (256, 100, 20)]
        assert found == [8, 3, 1]  # three times what the values take
        most = Passes(tf.identity, gradients, 9, 100_000).batch
        assert most == (COMPILED_AT_ONCE if bytes_per_operation == ALWAYS else 45)


def test_it_is_compiled_where_many_large_passes_are_asked_for(gradients, monkeypatch):
    def chosen(expected: int, mb: float) -> bool:
        monkeypatch.setattr(gradients, "bytes_per_point", round(1e6 * mb))
        return Passes(tf.identity, gradients, expected).compiled

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
    monkeypatch.setattr(passes, "BYTES_PER_OPERATION", ALWAYS)
    spec = gradients.network.spec.model_copy(update={"one_by_one": True})
    monkeypatch.setattr(gradients.network, "spec", spec)
    push, seen = scaled(gradients)
    computed = Passes(push, gradients, COUNT)
    given = items(rng)
    np.testing.assert_allclose(computed(*given), expected_of(gradients, *given), atol=1e-6)
    assert seen == [(False, 1)]
