"""Real networks in normal form, and the images of the goldens as they see them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.lucid_cases import CASES, MODELS

from blockscope.models.entry import ModelEntry
from blockscope.stages.network.input import write_input
from blockscope.stages.network.model import write_model


@pytest.fixture(scope="session")
def normal_forms(tmp_path_factory):
    made: dict[str, object] = {}

    def make(name, shared):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            spec = MODELS[name]
            paths = {key: str(shared(spec[key])) for key in ("graph", "labels")}
            entry = ModelEntry.model_validate(spec | paths)
            graph, card = folder / "graph.pb", folder / "model.json"
            write_model(entry=entry, name=name, graph_path=graph, card_path=card, downloads=folder)
            made[name] = folder
        return made[name]

    return make


@pytest.fixture
def prepared(shared, normal_forms, tmp_path):
    """Return a function: case -> (golden data, graph, card, the network's input)."""

    def prepare(case):
        model, image, _ = CASES[case]
        folder = normal_forms(model, shared)
        card, output = folder / "model.json", tmp_path / "input.png"
        write_input(
            image_path=shared(f"images/{image}.png"), card_path=card, output=output,
            background=(255, 255, 255), image=image,
        )  # fmt: skip
        return np.load(shared(f"golden/{case}.npz")), folder / "graph.pb", card, output

    return prepare
