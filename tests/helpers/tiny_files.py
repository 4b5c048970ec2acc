"""The files that a stage of attribution starts from, made of a tiny network with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from blockscope.attribution.activations import write_activations
from blockscope.io.images import write_png
from blockscope.models.card import ModelCard
from helpers.tiny_network import inception_like, network_of

SIZE = (41, 33)
LAYERS = {"early": (), "pooled": ("early",), "mixed": ("pooled",), "late": ("mixed",)}


class TinyFiles(NamedTuple):
    """Paths in the order in which the stages take them; the activations are those of one layer."""

    graph: Path
    card: Path
    picture: Path
    activations: Path


def write_tiny_files(folder: Path, layer: str) -> TinyFiles:
    """Write a network of nine logits, its card, a picture of noise and a layer's activations."""
    network = network_of(inception_like, (*SIZE, 3), tf.float32)
    files = TinyFiles(*(folder / name for name in ("graph.pb", "m.json", "i.png", "a.zarr.zip")))
    files.graph.write_bytes(network.definition.SerializeToString())
    shapes = network.shapes(np.zeros((1, *SIZE, 3), np.float32), list(LAYERS))
    ModelCard(
        model="tiny",
        source="tiny.pb",
        source_sha256="0",
        input=network.spec,
        logits="output",
        outputs=9,
        layers=[
            {"name": name, "op": "Relu", "shape": shapes[name][1:], "inputs": inputs}
            for name, inputs in LAYERS.items()
        ],
        labels=list("abcdefghi"),
    ).write(files.card)
    noise = np.random.default_rng(4).integers(0, 256, (*SIZE, 3), np.uint8)
    write_png(files.picture, noise, {"created_by": "input", "model": "tiny", "image": "noise"})
    write_activations(*files[:3], layer, files.activations)
    return files
