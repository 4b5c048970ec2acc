"""The stage "flow": what groups of layers add to labels through each other, as a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_files import write_tiny_files

from blockscope.attribution.flow import parts_of
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.models.card import ModelCard
from blockscope.stages.attribution.activations import write_activations
from blockscope.stages.attribution.flow import write_flow
from blockscope.stages.attribution.layer_task import LayerTask
from blockscope.stages.attribution.neuron_groups import read_neuron_groups, write_neuron_groups

MEMORY_MB = 2048
LAYERS = ["pooled", "mixed", "late"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    first = write_tiny_files(folder, "pooled")
    network = {name: first[name] for name in ("graph", "card", "image")}
    found: dict[str, list] = {"activations": [], "groups": []}
    for layer in LAYERS:
        activations, groups = folder / f"{layer}.zarr.zip", folder / f"{layer}.h5"
        write_activations(**network, layer=layer, output=activations)
        one = network | {"activations": activations}
        write_neuron_groups(**one, layer=layer, n=2, output=groups, memory_mb=MEMORY_MB)
        found["activations"].append(activations)
        found["groups"].append(groups)
    return network | found


def write(files, folder, layers=LAYERS, override="none", **changed):
    output = folder / "flow.h5"
    write_flow(
        **(files | changed), layers=layers, override=override, output=output, memory_mb=MEMORY_MB
    )
    return datasets.read(output)


@pytest.mark.parametrize("override", ["none", "smooth"])
def test_the_file_holds_flow_that_adds_up(files, tmp_path, override):
    found = write(files, tmp_path, override=override)
    sizes = {"step": 2, "source": 4, "target": 3, "label": 9, "layer": 3}
    assert dict(found.sizes) == sizes
    assert found["layer"].to_numpy().tolist() == LAYERS
    flow, last = found["flow"].to_numpy(), found["contribution"].to_numpy()
    leaving = [*flow[:, :-1].sum(2), last[:-1]]
    for place, layer in enumerate(LAYERS):
        one = {name: files[name] for name in ("graph", "card", "image")}
        one["activations"] = files["activations"][place]
        task = LayerTask.read(**one, layer=layer, override=override)
        parts = parts_of(task.activations, read_neuron_groups(files["groups"][place], task))
        assert found["unexplained"][place] == pytest.approx(parts.unexplained, rel=1e-5)
        linear = task.linear()
        gradient = linear.vjp(tf.eye(9)).numpy()
        expected = np.einsum("prck,lrck->pl", parts.vectors, gradient)
        np.testing.assert_allclose(leaving[place], expected, atol=1e-5 * np.abs(expected).max())
    for step in (0, 1):
        atol = 1e-5 * np.abs(flow[step]).max()
        np.testing.assert_allclose(flow[step].sum(0), leaving[step + 1], atol=atol)
    np.testing.assert_allclose(last.sum(0), found["logit"], atol=1e-5)
    facts = provenance.read(tmp_path / "flow.h5")
    recorded = {"created_by": "flow", "model": "tiny", "image": "noise", "n": 2}
    assert (recorded | {"override": override}).items() <= facts.items()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (["mixed"], "flow leads from one layer to another, found mixed; give two or more layers"),
        (
            ["mixed", "pooled", "late"],
            "layer 'pooled' is not computed from layer 'mixed' in model 'tiny'; each layer of",
        ),
        (["pooled", "mixt", "late"], "model 'tiny' has no layer 'mixt'"),
    ],
)
def test_layers_that_do_not_follow_each_other_are_refused(files, tmp_path, layers, words):
    with pytest.raises(BlockscopeError, match=words):
        write(files, tmp_path, layers)
    assert not (tmp_path / "flow.h5").exists()


def test_groups_of_another_layer_are_refused(files, tmp_path):
    groups = [files["groups"][0], files["groups"][2], files["groups"][2]]
    with pytest.raises(BadFile, match=r"late.h5' is from layer 'late', expected 'mixed'"):
        write(files, tmp_path, groups=groups)


def test_as_many_groups_of_each_layer_are_needed(files, tmp_path):
    other = tmp_path / "other.h5"
    one = {name: files[name] for name in ("graph", "card", "image")}
    one["activations"] = files["activations"][1]
    write_neuron_groups(**one, layer="mixed", n=3, output=other, memory_mb=MEMORY_MB)
    groups = [files["groups"][0], other, files["groups"][2]]
    words = "layers pooled, mixed, late have 2, 3, 2 neuron groups; flow needs as many of each"
    with pytest.raises(BadFile, match=words):
        write(files, tmp_path, groups=groups)


def test_a_layer_beside_which_something_passes_is_refused(files, tmp_path):
    """The first branch of the concatenation is no layer of the card: the graph tells."""
    card = ModelCard.read(files["card"]).model_dump(mode="json")
    written = json.dumps(card).replace('"mixed"', '"Relu_1"')
    other = tmp_path / "m.json"
    ModelCard.model_validate_json(written).write(other)
    with pytest.raises(BadFile, match="'pooled' of model 'tiny' reaches the logits beside layer"):
        write(files, tmp_path, ["pooled", "Relu_1", "late"], card=other)
    assert not (tmp_path / "flow.h5").exists()


def test_values_that_are_not_finite_are_refused(files, tmp_path):
    spoilt = tmp_path / "a.zarr.zip"
    dataset = datasets.read(files["activations"][1])
    dataset["activations"][1, 1, 1] = np.inf
    datasets.write_zarr(spoilt, dataset)
    activations = [files["activations"][0], spoilt, files["activations"][2]]
    with pytest.raises(BadFile, match="of model 'tiny' is not finite"):
        write(files, tmp_path, activations=activations)
    assert not (tmp_path / "flow.h5").exists()
