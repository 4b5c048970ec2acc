"""The files that a stage of attribution starts from, of a tiny network with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import xarray as xr

from blockscope.io import datasets
from blockscope.io.atomic_files import sha256_of
from blockscope.io.images import write_png
from blockscope.io.provenance import Facts
from blockscope.models.card import ModelCard
from blockscope.stages.attribution.activations import write_activations
from blockscope.stages.attribution.layer_task import LayerFiles
from helpers.tiny_network import conv, inception_like, network_of, weights

SIZE = (41, 33)
LAYERS = {"early": (), "pooled": ("early",), "mixed": ("pooled",), "late": ("mixed",)}


def centred(x):
    """A constant layer, ``early``, of which only what differs from its mean is read: nothing."""
    x = conv(0 * x, 6, (3, 3), 2, seed=3, name="early")
    x = x - tf.reduce_mean(x, [1, 2], keepdims=True)
    x = x * weights((*x.shape[1:3], 1), 5).astype(np.float32)
    return tf.reduce_sum(x, [1, 2]) @ weights((6, 9), 7).astype(np.float32)


def write_tiny_files(
    folder: Path,
    layer: str,
    build: Callable = inception_like,
    layers: Mapping[str, tuple[str, ...]] = LAYERS,
) -> LayerFiles:
    """Write a network of nine logits, its card, an image of noise and a layer's activations."""
    network = network_of(build, (*SIZE, 3), tf.float32)
    graph, card, image = (folder / name for name in ("graph.pb", "m.json", "i.png"))
    activations = folder / "a.zarr.zip"
    graph.write_bytes(network.definition.SerializeToString(deterministic=True))
    zeros = np.zeros((1, *SIZE, 3), np.float32)
    found = network.run({network.spec.tensor: zeros}, list(layers))
    ModelCard(
        model="tiny",
        source="tiny.pb",
        source_sha256="0",
        graph_sha256=sha256_of(graph),
        input=network.spec,
        logits="output",
        outputs=9,
        layers=[
            {"name": name, "op": "Relu", "shape": tuple(found[name].shape[1:]), "inputs": inputs}
            for name, inputs in layers.items()
        ],
        labels=list("abcdefghi"),
    ).write(card)
    noise = np.random.default_rng(4).integers(0, 256, (*SIZE, 3), np.uint8)
    identity = ModelCard.read(card).identity
    facts: Facts = {"created_by": "input", **identity, "image": "noise", "image_sha256": "12"}
    write_png(image, noise, facts)
    write_activations(graph=graph, card=card, image=image, layer=layer, output=activations)
    return {"graph": graph, "card": card, "image": image, "activations": activations}


def classes_of(array, probability=None, layer="mixed", override="none", **attrs):
    """An attribution file's content from (row, col, label) data."""
    labels = array.shape[2]
    probability = np.full(labels, 1 / labels) if probability is None else probability
    return xr.Dataset(
        {"attribution": (("label", "row", "col"), datasets.as_float32(array.transpose(2, 0, 1)))},
        coords={
            "label": ("label", np.array([f"label {i}" for i in range(labels)], dtype=object)),
            "index": ("label", np.arange(1, labels + 1, dtype=np.int32)),
            "logit": ("label", np.zeros(labels, np.float32)),
            "probability": ("label", datasets.as_float32(probability)),
        },
        attrs={"layer": layer, "override": override, "graph_sha256": "m", "image_sha256": "i"}
        | attrs,
    )
