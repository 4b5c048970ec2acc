"""Networks with weights drawn anew: which ones, from which stream, and what stays."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights

from blockscope.attribution.all_labels import attribute_labels
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.models.randomisation import draw_weights, shuffled
from blockscope.models.randomised_entry import Randomise, RandomisedEntry
from blockscope.stages.network.model import write_model
from blockscope.stages.network.randomised_model import write_randomised_model

SIZE = (12, 20)


def network(x):
    """A convolution, an inception block, a residual block with a norm, a dense head.

    The kernel `shared` is read below `mixed` and above it.
    """
    x = (x - np.array([0.1, 0.2, 0.4], np.float32)) * np.array([1, 2, 3], np.float32)
    x = conv(x, 5, (5, 3), 2, seed=1, name="first")
    shared = tf.constant(weights((3, 3, 5, 5), 9).astype(np.float32), name="shared")
    x = tf.nn.relu(tf.nn.conv2d(x, shared, 1, "SAME"), name="second")
    x = tf.nn.max_pool2d(x, 3, 1, "SAME", name="pooled")
    parts = [conv(x, 2, (1, 1), seed=2), conv(conv(x, 4, seed=3), 3, (3, 1), seed=4, name="inner")]
    x = tf.raw_ops.ConcatV2(values=parts, axis=tf.constant(3), name="mixed")
    y = tf.nn.conv2d(x, shared, 1, "SAME")
    scale, offset, mean, variance = np.random.default_rng(6).uniform(0.5, 2, (4, 5))
    y, *_ = tf.raw_ops.FusedBatchNormV3(
        x=y, scale=scale.astype(np.float32), offset=offset.astype(np.float32),
        mean=mean.astype(np.float32), variance=variance.astype(np.float32), is_training=False,
    )  # fmt: skip
    x = tf.nn.relu(x + tf.nn.relu(y), name="residual")
    x = tf.reduce_mean(x * 0.5, [1, 2], name="mean")
    x = tf.nn.bias_add(x @ weights((5, 7), 7).astype(np.float32), np.zeros(7, np.float32))
    tf.identity(x, name="logits")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The folder of the network in normal form."""
    folder = tmp_path_factory.mktemp("source")
    graph = tf.Graph()
    with graph.as_default():
        network(tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], name="input"))
    (folder / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (folder / "labels.json").write_text(json.dumps(list("abcdefg")))
    write_model(
        entry=entry_of(folder), name="net", graph_path=folder / "graph.pb",
        card_path=folder / "model.json", downloads=folder,
    )  # fmt: skip
    return folder


def entry_of(folder: Path) -> ModelEntry:
    return ModelEntry.model_validate({
        "graph": str(folder / "net.pb"), "labels": str(folder / "labels.json"), "logits": "logits",
        "input": {"tensor": "input", "size": SIZE, "range": (0, 1)},
    })  # fmt: skip


def loaded(folder: Path) -> Network:
    return Network.load(folder / "graph.pb", ModelCard.read(folder / "model.json"))


def constants(found: Network) -> dict[str, np.ndarray]:
    """Return the float constants by their names in the source."""
    nodes = [node for node in found.definition.node if node.op == "Const"]
    values = {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in nodes}
    return {name: value for name, value in values.items() if value.dtype == np.float32}


def drawn(source: Path, above: str, seed=0, kind="cascading"):
    """Return the trained network, the other one, and the names of the tensors that were drawn."""
    trained = loaded(source)
    found = draw_weights(trained, Randomise(above=above, seed=seed, kind=kind))
    return trained, Network(found.definition, trained.spec, trained.logits), found


EVEN = 1  # the bias of the head: zeros


@pytest.mark.parametrize(
    ("above", "kind", "tensors"),
    [
        ("input", "cascading", 2 + 1 + 2 + 4 + 4 + 1),  # not what prepares the image
        ("first", "cascading", 1 + 2 + 4 + 4 + 1),
        ("pooled", "cascading", 2 + 4 + 1 + 4 + 1),
        ("inner", "cascading", 1 + 4 + 1),
        ("mixed", "cascading", 1 + 4 + 1),
        ("residual", "cascading", 1),
        ("input", "independent", 2),
        ("first", "independent", 1),
        ("pooled", "independent", 2 + 4),
        ("inner", "independent", 1 + 4),  # the concatenation has none
        ("mixed", "independent", 1 + 4),
        ("residual", "independent", 1),
    ],
)
def test_all_weights_above_and_only_these_are_drawn(source, above, kind, tensors):
    trained, other, found = drawn(source, above, kind=kind)
    assert len(found.weights) == tensors
    before, after = constants(trained), constants(other)
    copies = {f"{name}/_drawn" for name in found.weights} & set(after)
    changed = {n for n in before if not np.array_equal(before[n], after[n])}
    assert changed | {name.removesuffix("/_drawn") for name in copies} == set(found.weights)
    assert set(after) - set(before) == copies
    for name in found.weights:  # shuffled: other places, the same values
        made = after.get(f"{name}/_drawn", after[name])
        assert made.shape == before[name].shape
        assert not np.array_equal(made, before[name])
        np.testing.assert_array_equal(np.sort(made, None), np.sort(before[name], None))
    others = {n.name: n for n in other.definition.node if n.name not in {*found.weights, *copies}}
    same = {n.name: n for n in trained.definition.node if n.name not in found.weights}
    rewired = {n for n in same if others[n] != same[n]}
    assert len(rewired) == len(copies)  # what reads the copy


def test_the_layer_is_what_it_was_bit_for_bit(source):
    image = np.random.default_rng(3).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    layers = [layer.name for layer in ModelCard.read(source / "model.json").layers]
    for above in ("first", "pooled", "inner", "mixed", "residual"):
        trained, other, _ = drawn(source, above)
        values = trained.values(image)
        wanted = [*layers, "logits"]
        before = trained.run({"input": values}, wanted)
        after = other.run({"input": values}, wanted)
        np.testing.assert_array_equal(before[above], after[above])
        assert not np.allclose(before["logits"], after["logits"], atol=1e-3)
        below = layers[: layers.index(above)] if above != "inner" else layers[:4]
        assert below
        for name in below:
            np.testing.assert_array_equal(before[name], after[name])


def test_zeros_that_cannot_be_drawn_are_told(source):
    _, _, found = drawn(source, "residual")
    assert len(found.even) == EVEN
    with pytest.raises(ValueError, match="all values of 'b' are equal"):
        shuffled(np.full((2, 3), 5, np.float32), 0, "b")


def test_two_values_are_always_drawn_the_other_way_round():
    for seed in range(20):
        np.testing.assert_array_equal(shuffled(np.array([1, 2], np.float32), seed, "b"), [2, 1])


def test_tensors_of_one_shape_are_drawn_in_different_orders():
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    one, other = (shuffled(values, 0, name) for name in ("a_w", "b_w"))
    assert not np.array_equal(one, other)


def test_the_same_seed_draws_the_same_and_another_one_others(source):
    first, again, other = (drawn(source, "pooled", seed)[1] for seed in (3, 3, 4))
    assert first.definition.SerializeToString(deterministic=True) == (
        again.definition.SerializeToString(deterministic=True)
    )
    _, _, found = drawn(source, "pooled")
    one, two = constants(first), constants(other)
    for name in found.weights:
        name = f"{name}/_drawn" if f"{name}/_drawn" in one else name
        assert not np.array_equal(one[name], two[name]) or one[name].size < 4


def test_a_deeper_cascade_has_the_weights_of_a_shallower_one(source):
    _, shallow, few = drawn(source, "mixed", 5)
    _, deep, many = drawn(source, "first", 5)
    _, block, alone = drawn(source, "mixed", 5, "independent")
    assert set(few.weights) < set(many.weights)
    assert set(alone.weights) < set(few.weights)
    assert "shared" in few.weights
    for other, found in ((deep, few), (block, alone)):
        one, two = constants(shallow), constants(other)
        for name in found.weights:
            np.testing.assert_array_equal(
                one.get(f"{name}/_drawn", one[name]), two.get(f"{name}/_drawn", two[name])
            )


def attribution(network: Network, values: np.ndarray) -> np.ndarray:
    linear = LinearMap(network, values, "mixed", "logits", OVERRIDES["none"])
    return attribute_labels(linear, tuple(range(7)))


def test_attribution_of_a_derived_network_is_that_of_tensorflow(source):
    image = np.random.default_rng(8).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    trained, other, _ = drawn(source, "mixed", 1)
    values = other.values(image)
    found = attribution(other, values)
    activations = other.run({"input": values}, ["mixed"])["mixed"]
    with tf.GradientTape() as tape:
        tape.watch(activations)
        logits = other.run({"mixed": activations}, ["logits"])["logits"][0]
    gradients = tape.jacobian(logits, activations).numpy()[:, 0]
    wanted = (gradients * activations.numpy()).sum(-1)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
    assert not np.allclose(found, attribution(trained, values), atol=1e-3)


def derived(source: Path, folder: Path, above="mixed", **keys) -> Path:
    options = Randomise(**{"above": above, "seed": 2, "kind": "cascading", **keys})
    folder.mkdir(exist_ok=True)
    write_randomised_model(
        entry=RandomisedEntry.of(entry_of(source), "net", options), name="other",
        source_graph=source / "graph.pb", source_card=source / "model.json",
        graph_path=folder / "graph.pb", card_path=folder / "model.json",
    )  # fmt: skip
    return folder


def test_the_card_says_what_was_drawn_from_which_graph(source, tmp_path):
    trained = ModelCard.read(source / "model.json")
    folder = derived(source, tmp_path / "made")
    card = ModelCard.read(folder / "model.json")
    written = json.loads((folder / "model.json").read_text())["randomised"]
    assert written["from"] == "net"
    assert written["randomise"] == {"above": "mixed", "seed": 2, "kind": "cascading"}
    assert written["graph_sha256"] == trained.graph_sha256 != card.graph_sha256
    assert written["weights"] == list(drawn(source, "mixed", 2)[2].weights)
    assert written["method"] == "shuffled"
    assert card.model == "other"
    assert card.provenance["created_by"] == "randomised_model"
    assert (card.layers, card.labels, card.head) == (trained.layers, trained.labels, trained.head)
    assert card.graph_sha256 == hashlib.sha256((folder / "graph.pb").read_bytes()).hexdigest()
    assert card.entry != trained.entry


@pytest.mark.parametrize(
    ("above", "error", "words"),
    [
        ("mixt", UnknownName, r"'net' has no layer 'mixt'; .*mixed.*catalogue: randomise.above"),
        ("logits", UnknownName, "'net' has no layer 'logits'"),
    ],
)
def test_an_unknown_layer_is_refused(source, tmp_path, above, error, words):
    with pytest.raises(error, match=words):
        derived(source, tmp_path / "made", above)
    assert not os.listdir(tmp_path / "made")


def test_a_layer_without_weights_above_is_refused(tmp_path):
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], name="input")
        tf.reduce_mean(conv(x, 4, seed=1, name="last"), [1, 2], name="logits")
    (tmp_path / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (tmp_path / "labels.json").write_text(json.dumps(list("abcd")))
    write_model(
        entry=entry_of(tmp_path), name="net", graph_path=tmp_path / "graph.pb",
        card_path=tmp_path / "model.json", downloads=tmp_path,
    )  # fmt: skip
    words = "'other', all weights above last, seed 2: there are no weights .* above 'last'; give"
    with pytest.raises(BadFile, match=words):
        derived(tmp_path, tmp_path / "made", "last")
    assert not os.listdir(tmp_path / "made")


def test_a_graph_that_is_not_the_one_of_the_card_is_refused(source, tmp_path):
    (tmp_path / "model.json").write_bytes((source / "model.json").read_bytes())
    (tmp_path / "graph.pb").write_bytes(b"another")
    for name in ("net.pb", "labels.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    with pytest.raises(BadFile, match="is not the one of its card"):
        derived(tmp_path, tmp_path / "made")
