"""The embedded network: the frozen graph, its names, its logits and how accurate it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.repository import ROOT
from PIL import Image

from blockscope.io.blocks1000.vocabulary import LABELS
from blockscope.models.network import Network
from studies.blocks1000 import network, scoring, training

RESOURCES = ROOT / "src/blockscope/resources"
GRAPH = RESOURCES / "blocks1000" / "graph.pb"
PLAIN = {
    "Placeholder",
    "Const",
    "Conv2D",
    "BiasAdd",
    "Relu",
    "MaxPool",
    "AvgPool",
    "LRN",
    "ConcatV2",
    "Reshape",
    "MatMul",
    "Softmax",
}
# a quarter of InceptionV1's channels; rows and columns are InceptionV1's own
SHAPES = {
    "input": (224, 224, 3),
    "conv2d0": (112, 112, 16),
    "maxpool0": (56, 56, 16),
    "localresponsenorm0": (56, 56, 16),
    "conv2d1": (56, 56, 16),
    "conv2d2": (56, 56, 48),
    "localresponsenorm1": (56, 56, 48),
    "maxpool1": (28, 28, 48),
    "mixed3a": (28, 28, 64),
    "mixed3b": (28, 28, 120),
    "maxpool4": (14, 14, 120),
    "mixed4a": (14, 14, 127),
    "mixed4b": (14, 14, 128),
    "mixed4c": (14, 14, 128),
    "mixed4d": (14, 14, 132),
    "mixed4e": (14, 14, 208),
    "maxpool10": (7, 7, 208),
    "mixed5a": (7, 7, 208),
    "mixed5b": (7, 7, 256),
    "avgpool0": (1, 1, 256),
    "avgpool0/reshape": (256,),
    "softmax2_pre_activation": (1000,),
    "softmax2": (1000,),
}


@pytest.fixture(scope="module")
def embedded() -> Network:
    """Return the network that the project carries."""
    return scoring.load(GRAPH)


@pytest.fixture(scope="module")
def untrained() -> Iterator[tuple[object, object]]:
    """Return a model with random weights and unusual batch norms, and its frozen graph."""
    tf.keras.utils.set_random_seed(3)
    model = network.trainable()
    drawn = np.random.default_rng(4)
    for layer in model.layers:
        if layer.name.endswith("_norm"):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    gamma * drawn.uniform(0.5, 1.5, gamma.shape),
                    beta + drawn.normal(0, 0.3, beta.shape),
                    mean + drawn.normal(0, 0.3, mean.shape),
                    variance * drawn.uniform(0.3, 3, variance.shape),
                ]
            )
    yield model, network.frozen(model)
    tf.keras.backend.clear_session()


def test_folding_batch_norm_changes_nothing(untrained: tuple[object, object]) -> None:
    assert training.folding_error(*untrained, seed=1) < 1e-5


def test_the_carried_graph_is_what_the_code_freezes(
    embedded: Network, untrained: tuple[Any, Any]
) -> None:
    def outline(nodes: Any) -> list[tuple[str, str, list[str], dict[str, bytes]]]:
        return [
            (
                node.name,
                node.op,
                list(node.input),
                {k: v.SerializeToString() for k, v in node.attr.items() if k != "value"},
            )
            for node in nodes
        ]

    assert outline(embedded.definition.node) == outline(untrained[1].node)


def test_plain_operations_only_and_a_small_file(embedded: Network) -> None:
    assert {node.op for node in embedded.nodes.values()} == PLAIN
    assert not embedded.definition.library.function
    assert GRAPH.stat().st_size < 2.2e6


def test_names_and_shapes_are_those_of_inceptionv1(embedded: Network) -> None:
    image = np.zeros((224, 224, 3), np.uint8)
    values = embedded.run({"input": embedded.values(image)}, list(SHAPES))
    assert {name: tuple(value.shape[1:]) for name, value in values.items()} == SHAPES
    for block in ("mixed3a", "mixed4d", "mixed5b"):
        assert list(embedded.nodes[block].input)[:4] == [
            f"{block}_1x1",
            f"{block}_3x3",
            f"{block}_5x5",
            f"{block}_pool_reduce",
        ]
        for branch in ("1x1", "3x3_bottleneck", "3x3", "5x5_bottleneck", "5x5", "pool_reduce"):
            name = f"{block}_{branch}"
            ops = [embedded.nodes[name + end].op for end in ("_pre_relu/conv", "_pre_relu", "")]
            assert ops == ["Conv2D", "BiasAdd", "Relu"]
        assert embedded.nodes[f"{block}_pool"].op == "MaxPool"


def test_constants_of_normalisation_and_pooling(embedded: Network) -> None:
    for name in ("localresponsenorm0", "localresponsenorm1"):
        given = embedded.nodes[name].attr
        found = (given["depth_radius"].i, given["bias"].f, given["alpha"].f, given["beta"].f)
        assert found == pytest.approx((5, 2.0, 1e-4, 0.5))
    pooled = embedded.nodes["avgpool0"].attr
    assert list(pooled["ksize"].list.i) == [1, 7, 7, 1]
    assert pooled["padding"].s == b"VALID"


def test_labels_name_the_logits() -> None:
    assert json.loads((GRAPH.parent / "labels.json").read_text()) == list(LABELS)


def test_a_logit_is_a_sum_of_one_value_for_each_head(embedded: Network) -> None:
    images = [scene.image for scene in scoring.fresh_scenes(1, 3, 2)]
    for row in scoring.logits_of(embedded, images):
        cube = row.reshape(10, 10, 10).astype(float)  # shape, fill, colour
        shape, fill, colour = (
            cube[:, 0, 0][:, None, None],
            cube[0, :, 0][:, None],
            cube[0, 0],
        )
        expected = shape + fill + colour - 2 * cube[0, 0, 0]
        np.testing.assert_allclose(cube, expected, atol=1e-5 * np.abs(cube).max())
        assert np.ptp(cube[:, 0, 0]) > 1


@pytest.mark.slow
def test_fresh_scenes_are_named_as_well_as_promised(embedded: Network) -> None:
    one = scoring.score(embedded, seed=77, scenes=200, blocks=1, top=1)
    two = scoring.score(embedded, seed=77, scenes=100, blocks=2, top=10)
    assert one.share >= 0.95, str(one)
    assert two.share >= 0.90, str(two)


def test_chance_level_of_the_score(rng: np.random.Generator) -> None:
    logits = rng.permutation(1000).astype(np.float32)
    order = np.argsort(-logits)
    assert scoring.ranks(logits, order[[0, 9, 999]].tolist()) == [0, 9, 999]


@pytest.mark.parametrize(("name", "top"), [("two", 10), ("three", 27)])
def test_the_sample_scenes_are_recognised(embedded: Network, name: str, top: int) -> None:
    described = json.loads((RESOURCES / "scenes" / f"{name}.json").read_text())
    image = np.asarray(Image.open(RESOURCES / "scenes" / f"{name}.png"))
    (logits,) = scoring.logits_of(embedded, [image])
    assert max(scoring.ranks(logits, [block["index"] for block in described["blocks"]])) < top
