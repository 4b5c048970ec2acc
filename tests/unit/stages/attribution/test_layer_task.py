"""What the stages of attribution start from, read from files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_files import write_tiny_files

from blockscope.io import datasets
from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.stages.attribution.activations import write_activations
from blockscope.stages.attribution.layer_task import LayerTask


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "pooled")


@pytest.mark.parametrize(("later", "shape"), [(None, (1, 9)), ("late", (1, 5, 4, 7))])
def test_it_leads_from_the_layer_to_the_logits_or_to_a_later_layer(files, later, shape):
    task = LayerTask.read(**files, layer="pooled", override="smooth", later=later)
    linear, gradients = task.linear(), task.gradients()
    assert linear.output.shape == shape
    np.testing.assert_array_equal(linear.value[0], task.activations)
    np.testing.assert_allclose(
        gradients.values_at(task.activations[None]), linear.output, rtol=1e-6
    )
    assert not gradients.exact  # a max pooling follows, whose gradient is replaced


def test_the_override_takes_part(files, rng):
    tangent = rng.normal(size=(1, 11, 9, 6)).astype(np.float32)
    found = [
        LayerTask.read(**files, layer="pooled", override=name).linear().jvp(tangent)
        for name in ("none", "smooth")
    ]
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_the_activations_are_those_of_the_file(files):
    task = LayerTask.read(**files, layer="pooled")
    doubled = replace(task, activations=2 * task.activations)
    np.testing.assert_array_equal(doubled.linear().value[0], 2 * task.activations)
    np.testing.assert_array_equal(doubled.gradients().value, 2 * task.activations)


@pytest.mark.parametrize("key", ["graph_sha256", "image_sha256"])
def test_activations_of_another_network_or_image_of_that_name_are_refused(files, tmp_path, key):
    found = datasets.read(files["activations"])
    datasets.write_zarr(tmp_path / "other.zarr.zip", found.assign_attrs({key: "00"}))
    with pytest.raises(BadFile, match=rf"other.zarr.zip' is from {key} '00', expected '.+'"):
        LayerTask.read(**files | {"activations": tmp_path / "other.zarr.zip"}, layer="pooled")


@pytest.mark.parametrize("later", ["early", "pooled"])
def test_a_layer_that_does_not_follow_is_refused(files, later):
    words = f"layer2 '{later}' is not computed from layer1 'pooled' in model 'tiny'; layer2 must"
    with pytest.raises(BadFile, match=words):
        LayerTask.read(**files, layer="pooled", later=later)


@pytest.mark.parametrize(("layer", "later"), [("poled", None), ("pooled", "lat")])
def test_an_unknown_layer_is_told(files, layer, later):
    with pytest.raises(
        UnknownName, match=rf"model 'tiny' has no layer '{later or layer}'.*pooled.*late"
    ):
        LayerTask.read(**files, layer=layer, later=later)


def test_logits_that_are_not_finite_are_refused(files, tmp_path):
    spoilt = datasets.read(files["activations"])
    spoilt["activations"][2, 3, 1] = np.inf
    datasets.write_zarr(tmp_path / "a.zarr.zip", spoilt)
    task = LayerTask.read(**files | {"activations": tmp_path / "a.zarr.zip"}, layer="pooled")
    with pytest.raises(BadFile, match=r"'output' of model 'tiny' is not finite in 9 of 9 entries"):
        task.linear()


def test_activations_that_are_not_finite_are_refused(tmp_path):
    files = write_tiny_files(tmp_path, "pooled")
    card = ModelCard.read(files["card"])
    spec = card.input.model_copy(update={"range": (0.0, 3e38)})
    card.model_copy(update={"input": spec}).write(files["card"])
    output = tmp_path / "again.zarr.zip"
    read = {name: files[name] for name in ("graph", "card", "image")}
    with pytest.raises(BadFile, match="activation of layer 'early' of model 'tiny' is not finite"):
        write_activations(**read, layer="early", output=output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("later", "where"), [(None, "at layer 'pooled'"), ("late", "from 'late' to 'pooled'")]
)
def test_results_that_are_not_finite_are_refused(files, later, where):
    task = LayerTask.read(**files, layer="pooled", later=later)
    array = np.ones((5, 7), np.float32)
    task.check_finite("effect", array)
    array[2, 3:5] = np.nan, -np.inf
    words = f"effect {where} of model 'tiny' is not finite in 2 of 35 entries; check the model's"
    with pytest.raises(BadFile, match=words):
        task.check_finite("effect", array)


def test_results_record_their_layers(files):
    to_logits = LayerTask.read(**files, layer="pooled", override="smooth").record("classes", n=3)
    assert {"created_by": "classes", "model": "tiny", "image": "noise"}.items() <= to_logits.items()
    assert {"layer": "pooled", "override": "smooth", "n": 3}.items() <= to_logits.items()
    between = LayerTask.read(**files, layer="pooled", later="late").record("positions")
    assert {"layer1": "pooled", "layer2": "late", "override": "none"}.items() <= between.items()
    assert "layer" not in between
