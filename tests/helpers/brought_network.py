"""A network file brought into normal form, as a project does it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model

SIZE = (10, 14)
INPUT = {"size": SIZE, "range": (0.0, 1.0)}


def brought(graph: Path, **keys: Any) -> tuple[ModelCard, Network]:
    """Return the card of a network of four labels and the network, written beside its file."""
    labels, folder = graph.parent / "labels.json", graph.parent / "made"
    labels.write_text(json.dumps(list("abcd")))
    content = {"graph": str(graph), "input": INPUT, "labels": str(labels)}
    write_model(
        entry=ModelEntry.model_validate(content | keys), name="net", downloads=graph.parent,
        graph_path=folder / "graph.pb", card_path=folder / "model.json",
    )  # fmt: skip
    card = ModelCard.read(folder / "model.json")
    return card, Network.load(folder / "graph.pb", card)


def photo() -> np.ndarray:
    """Return an image of noise, uint8 (row, col, rgb)."""
    return np.random.default_rng(5).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def values() -> np.ndarray:
    """Return the same image as ``INPUT`` feeds it, float32 (1, row, col, rgb)."""
    return (photo()[None] / np.float32(255)).astype(np.float32)


def logits_of(network: Network) -> np.ndarray:
    """Return the logits of that image."""
    feeds = {network.spec.tensor: network.values(photo())}
    return np.asarray(network.run(feeds, [network.logits])[network.logits])
