"""What tests render: the layer "mixed" of a tiny network, small images and few steps."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from blockscope.feature_visualization.recipes import Recipe, Transforms
from blockscope.io.atomic_files import sha256_of
from blockscope.models.card import Layer, ModelCard
from blockscope.models.network import Network
from helpers.tiny_network import inception_like, network_of

CHANNELS = 11  # of the layer
MOVES = Transforms(2, (3, 1), (0.9, 1.1), (-5.0, 5.0))
SHORT = Recipe(size=20, steps=6, learning_rate=0.1, transforms=MOVES, redirected_relu_steps=2)


def tiny_network() -> Network:
    """Return the network, for images of 41 x 33 pixels, at which "mixed" has 11 x 9 positions."""
    return network_of(inception_like, (41, 33, 3), tf.float32)


def write_model(folder: Path, network: Network, rows: int, cols: int) -> tuple[Path, Path]:
    """Write the network and a card in which "mixed" has rows x cols positions; return their paths.

    The card's numbers are those of the layer's activations, which a test may make up.
    """
    paths = folder / "graph.pb", folder / "model.json"
    paths[0].write_bytes(network.definition.SerializeToString())
    ModelCard(
        model="tiny", source="tiny.pb", source_sha256="ab" * 32, graph_sha256=sha256_of(paths[0]),
        input=network.spec, logits="output", outputs=9, labels=tuple("abcdefghi"),
        layers=(Layer(name="mixed", op="ConcatV2", shape=(rows, cols, CHANNELS), inputs=()),),
    ).write(paths[1])  # fmt: skip
    return paths
