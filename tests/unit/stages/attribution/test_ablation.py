"""The stage "ablation": what logits lose without parts of a layer, as a file."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.tiny_files import write_tiny_files

from blockscope.attribution.ablation import exact_losses
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.stages.attribution import ablation
from blockscope.stages.attribution.ablation import write_ablation
from blockscope.stages.attribution.layer_task import LayerTask
from blockscope.stages.attribution.neuron_groups import write_neuron_groups

MEMORY_MB = 2048


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "mixed")


@pytest.fixture(scope="module")
def groups(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / "g.h5"
    write_neuron_groups(**files, layer="mixed", n=3, output=path, memory_mb=MEMORY_MB)
    return path


def write(files, groups, folder, baseline="zero", layer="mixed") -> xr.Dataset:
    output = folder / "a.h5"
    write_ablation(
        **files,
        layer=layer,
        baseline=baseline,
        groups=groups,
        output=output,
        memory_mb=MEMORY_MB,
    )
    return datasets.read(output)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
def test_the_file_holds_what_each_logit_loses(files, groups, tmp_path, baseline):
    found = write(files, groups, tmp_path, baseline)
    task = LayerTask.read(**files, layer="mixed")
    rows, cols, channels = task.activations.shape
    sizes = {"label": 9, "row": rows, "col": cols, "channel": channels, "factor": 3}
    sizes["set"] = 2**3
    assert dict(found.sizes) == sizes
    logits = found["logit"].to_numpy()
    gradients = task.gradients()
    left = task.activations.copy()
    left[1, 2] = 0 if baseline == "zero" else left.mean((0, 1))
    lost = logits - gradients.values_at(left[None]).numpy()[0]
    np.testing.assert_allclose(found["positions"][:, 1, 2], lost, atol=1e-6)
    parts = datasets.read(groups)
    named = (parts["spatial"] * parts["channels"]).sel(factor=1)
    part = named.transpose("row", "col", "channel").to_numpy()
    part = part if baseline == "zero" else part - part.mean((0, 1))
    lost = logits - gradients.values_at((task.activations - part)[None]).numpy()[0]
    np.testing.assert_allclose(found["groups"][:, 1], lost, atol=1e-6)
    both = (parts["spatial"] * parts["channels"]).sel(factor=[0, 1]).sum("factor")
    part = both.transpose("row", "col", "channel").to_numpy()
    part = part if baseline == "zero" else part - part.mean((0, 1))
    lost = logits - gradients.values_at((task.activations - part)[None]).numpy()[0]
    np.testing.assert_allclose(found["sets"][:, 0b11], lost, atol=2e-6)
    assert found["member"][0b11].to_numpy().astype(bool).tolist() == [True, True, False]
    if baseline == "zero":  # the file of groups says the same to first order
        np.testing.assert_allclose(
            found["groups_linear"].transpose("factor", "label"), parts["effect"], atol=1e-5
        )
    facts = provenance.read(tmp_path / "a.h5")
    recorded = {"created_by": "ablation", "model": "tiny", "image": "noise", "layer": "mixed"}
    assert (recorded | {"override": "none", "baseline": baseline, "n": 3}).items() <= facts.items()


@pytest.mark.parametrize("most", [8, 2])
def test_a_set_of_groups_is_computed_once(files, groups, tmp_path, monkeypatch, most):
    """Single groups are among the sets; where there are too many of these, they are computed."""
    counts = []

    def counted(changes, parts, **options):
        counts.append(parts.count)
        return exact_losses(changes, parts, **options)

    expected = write(files, groups, tmp_path)["groups"].to_numpy()
    monkeypatch.setattr(ablation, "exact_losses", counted)
    monkeypatch.setattr(ablation, "MOST_GROUPS", most)
    found = write(files, groups, tmp_path)
    positions, channels = found["positions"][0].size, found.sizes["channel"]
    assert sorted(counts) == sorted([positions, channels, 2**3 if most == 8 else 3])
    assert ("sets" in found) == (most == 8)
    np.testing.assert_allclose(found["groups"], expected, atol=1e-6)


def test_groups_of_another_layer_are_refused(files, groups, tmp_path):
    other = write_tiny_files(tmp_path, "pooled")
    words = "g.h5' is from layer 'mixed', expected 'pooled'; regenerate it"
    with pytest.raises(BadFile, match=words):
        write(other, groups, tmp_path, layer="pooled")
    assert not (tmp_path / "a.h5").exists()


def test_activations_of_another_layer_are_refused(files, groups, tmp_path):
    """Of another shape they would make TensorFlow end the process."""
    other = write_tiny_files(tmp_path, "late")["activations"]
    with pytest.raises(BadFile, match="is from layer 'late', expected 'mixed'; regenerate it"):
        write(files | {"activations": other}, groups, tmp_path)
    assert not (tmp_path / "a.h5").exists()


def test_values_that_are_not_finite_are_refused(files, groups, tmp_path):
    spoilt = tmp_path / "a.zarr.zip"
    dataset = datasets.read(files["activations"])
    dataset["activations"][1, 1, 1] = np.inf
    datasets.write_zarr(spoilt, dataset)
    with pytest.raises(BadFile, match="of model 'tiny' is not finite"):
        write(files | {"activations": spoilt}, groups, tmp_path)
    assert not (tmp_path / "a.h5").exists()
