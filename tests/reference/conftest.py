"""Real networks in normal form, and the pictures of the goldens as they see them."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.lucid_cases import CASES, MODELS

from blockscope.config.settings import ModelEntry
from blockscope.models.normal_form import write_model
from blockscope.stages.input import write_input


@pytest.fixture(scope="session")
def normal_forms(tmp_path_factory):
    made: dict[str, object] = {}

    def make(name, shared):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            spec = MODELS[name]
            paths = {key: str(shared(spec[key])) for key in ("graph", "labels")}
            entry = ModelEntry.model_validate(spec | paths)
            write_model(entry, name, folder / "graph.pb", folder / "model.json", folder)
            made[name] = folder
        return made[name]

    return make


@pytest.fixture
def prepared(shared, normal_forms, tmp_path):
    """Return a function: case -> (golden data, graph, card, the network's input)."""

    def prepare(case):
        model, image, _ = CASES[case]
        folder = normal_forms(model, shared)
        card, picture = folder / "model.json", tmp_path / "input.png"
        write_input(shared(f"images/{image}.png"), card, picture, (255, 255, 255), image)
        return np.load(shared(f"golden/{case}.npz")), folder / "graph.pb", card, picture

    return prepare
