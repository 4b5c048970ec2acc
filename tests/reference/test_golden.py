"""All labels on real networks, against what Lucid computes on the same graphs."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.lucid_cases import CASES, assert_agrees, each_case, known

from blockscope.attribution.all_labels import attribute_labels
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.images import read_png
from blockscope.models.card import ModelCard
from blockscope.models.network import Network
from blockscope.stages.attribution.activations import read_activations, write_activations
from blockscope.stages.attribution.classes import write_classes

FILES = [
    pytest.param(*case.values, layer, marks=case.marks)
    for case in each_case()
    for layer in CASES[case.values[0]][2]
]


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("case", "layer"), FILES)
def test_all_labels_agree_with_lucid(prepared, tmp_path, case, layer, override):
    golden, graph, card, image = prepared(case)
    files = {"graph": graph, "card": card, "image": image}
    acts, output = tmp_path / "a.zarr.zip", tmp_path / "c.h5"
    write_activations(**files, layer=layer, output=acts)
    expected = known(golden, layer)
    if expected is not None:
        stored = datasets.read(acts)
        assert_agrees(read_activations(acts, {}), expected)
        stored["activations"][:] = expected
        datasets.write_zarr(acts, stored)
    write_classes(
        **files, activations=acts, layer=layer, override=override, output=output, memory_mb=2048
    )
    with xr.open_dataset(output) as dataset:
        assert dataset.sizes["label"] == 1000
        rows = {index: row for row, index in enumerate(dataset["index"].to_numpy())}
        chosen = [rows[index] for index in golden["labels"]]
        found = dataset["attribution"].to_numpy()[chosen]
        assert_agrees(found, golden[f"class_spatial/{override.replace('-', '_')}/{layer}"])
        assert_agrees(dataset["logit"].to_numpy(), golden["logits"][dataset["index"].to_numpy()])


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize(("case", "layer"), FILES)
def test_reverse_mode_agrees_with_lucid(prepared, case, layer, override):
    golden, graph, card_path, image = prepared(case)
    card = ModelCard.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_png(image)[0])
    rules, value = OVERRIDES[override], known(golden, layer)
    linear = LinearMap(network, values, layer, card.logits, rules, value)
    found = attribute_labels(linear, golden["labels"], mode=Mode.REVERSE)
    assert_agrees(found, golden[f"class_spatial/{override.replace('-', '_')}/{layer}"])


def test_activations_before_the_relu_explain_those_after_it(prepared):
    """Where the ReLU is on, attribution before and after it is the same; where it is off, none."""
    _, graph, card_path, image = prepared("synthetic_dog_cat_mixed4d_mixed5a")
    card = ModelCard.read(card_path)
    network = Network.load(graph, card)
    values = network.values(read_png(image)[0])
    before, after = (
        LinearMap(network, values, layer, card.logits, OVERRIDES["none"])
        for layer in ("mixed5a_pre_relu", "mixed5a")
    )
    assert before.value.numpy().min() < 0
    np.testing.assert_array_equal(np.maximum(before.value, 0), after.value)
    maps = [attribute_labels(linear, range(1, 1001)) for linear in (before, after)]
    assert_agrees(*maps)
