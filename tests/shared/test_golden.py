"""All labels on real networks, against what Lucid computes on the same graphs."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from blockscope.attribution.activations import read_activations, write_activations
from blockscope.attribution.classes import attribute_classes, write_classes
from blockscope.config.settings import ModelEntry
from blockscope.engine.batches import Mode
from blockscope.engine.linear_map import LinearMap
from blockscope.images import read_input
from blockscope.inputs import write_input
from blockscope.models.card import Card
from blockscope.models.network import Network
from blockscope.models.normal import write_model
from blockscope.overrides import OVERRIDES

MODELS = {
    "squeezenet": {
        "graph": "models/squeezenet1.0-imagenet.pb",
        "labels": "models/squeezenet1.0-imagenet-labels.json",
        "input": {"tensor": "input", "size": [224, 224], "range": [-1, 1]},
        "logits": "logits",
        "skip_labels": 1,
    },
    "synthetic": {
        "graph": "models/inceptionv1-synthetic-w25.pb",
        "labels": "models/inceptionv1-labels.json",
        "input": {"tensor": "input", "size": [224, 224], "range": [-117, 138]},
        "logits": "softmax2_pre_activation",
        "skip_labels": 1,
    },
}
CASES = {
    "squeezenet_dog_cat_fire8_fire9": ("squeezenet", "dog_cat", ("fire8", "fire9")),
    "squeezenet_flowers_fire5_fire9": ("squeezenet", "flowers", ("fire5", "fire9")),
    "synthetic_dog_cat_mixed4d_mixed5a": ("synthetic", "dog_cat", ("mixed4d", "mixed5a")),
}
FILES = [(case, layer) for case, (_, _, layers) in CASES.items() for layer in layers]


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


def assert_agrees(found, golden):
    error = np.abs(found - golden).max() / np.abs(golden).max()
    assert error <= 1e-5, f"largest difference {error:.2e} of the golden array's largest value"


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("case", "layer"), FILES)
def test_all_labels_agree_with_lucid(prepared, tmp_path, case, layer, override):
    golden, graph, card, picture = prepared(case)
    acts, output = tmp_path / "a.zarr.zip", tmp_path / "c.h5"
    write_activations(graph, card, picture, layer, acts)
    write_classes(graph, card, picture, acts, layer, override, output, memory_mb=2048)
    with xr.open_dataset(output) as dataset:
        assert dataset.sizes["label"] == 1000
        rows = {index: row for row, index in enumerate(dataset["index"].to_numpy())}
        chosen = [rows[index] for index in golden["labels"]]
        found = dataset["attribution"].to_numpy()[chosen]
        assert_agrees(found, golden[f"class_spatial/{override.replace('-', '_')}/{layer}"])
        assert_agrees(dataset["logit"].to_numpy(), golden["logits"][dataset["index"].to_numpy()])
    if f"acts/{layer}" in golden:
        assert_agrees(read_activations(acts), golden[f"acts/{layer}"])


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("case", "layer"), FILES)
def test_reverse_mode_agrees_with_lucid(prepared, case, layer, override):
    golden, graph, card_path, picture = prepared(case)
    card = Card.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_input(picture)[0])
    linear = LinearMap(network, values, layer, card.logits, OVERRIDES[override])
    found = attribute_classes(linear, golden["labels"], mode=Mode.REVERSE)
    assert_agrees(found, golden[f"class_spatial/{override.replace('-', '_')}/{layer}"])


def test_activations_before_the_relu_explain_those_after_it(prepared):
    """Where the ReLU is on, attribution before and after it is the same; where it is off, none."""
    _, graph, card_path, picture = prepared("synthetic_dog_cat_mixed4d_mixed5a")
    card = Card.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_input(picture)[0])
    before, after = (
        LinearMap(network, values, layer, card.logits, OVERRIDES["none"])
        for layer in ("mixed5a_pre_relu", "mixed5a")
    )
    assert before.value.numpy().min() < 0
    np.testing.assert_array_equal(np.maximum(before.value, 0), after.value)
    maps = [attribute_classes(linear, range(1, 1001)) for linear in (before, after)]
    assert_agrees(*maps)
