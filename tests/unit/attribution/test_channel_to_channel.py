"""Attribution between the channels of two layers: against loops, in both modes, and as a file."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_files import write_tiny_files
from helpers.tiny_network import in_tensorflow, linear_of, sequence
from oracles.channels import between

from blockscope.attribution.channel_to_channel import write_drivers
from blockscope.attribution.grad_x_activation import attribute_channels
from blockscope.attribution.layer_task import LayerTask
from blockscope.autodiff.batches import REVERSE_COST
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile

MEMORY_MB = 2048


@pytest.fixture
def taken(monkeypatch) -> list[str]:
    """Return a list that tells which modes were taken."""
    modes = []
    for name in ("push", "pull"):
        function = getattr(LinearMap, name)

        def noted(self, *given, name=name, function=function):
            modes.append(name)
            return function(self, *given)

        monkeypatch.setattr(LinearMap, name, noted)
    return modes


@pytest.mark.parametrize(("wanted", "mode"), [(None, "push"), ([4, 1], "push"), ([5], "pull")])
def test_equals_the_formula_in_loops_in_the_cheaper_mode(wanted, mode, rng, taken):
    x, part = rng.normal(0.5, 1, (7, 9, 3)), sequence()[:4]
    found = attribute_channels(linear_of(in_tensorflow(part), x), wanted)
    expected = [between(part, x, k) for k in (range(6) if wanted is None else wanted)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert set(taken) == {mode}
    assert (len(expected) * REVERSE_COST >= 3) == (mode == "push")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "pooled")


def test_the_file_holds_every_channel_of_both_layers(files, tmp_path):
    write_drivers(*files, "pooled", "late", "smooth", tmp_path / "d.h5", MEMORY_MB)
    attribution = datasets.read(tmp_path / "d.h5")["attribution"]
    assert dict(attribution.sizes) == {"channel2": 7, "channel1": 6}
    assert attribution.dtype == np.float32
    linear = LayerTask.read(*files, "pooled", "smooth", "late").linear()
    change = np.zeros(linear.value.shape, np.float32)
    change[..., 4] = linear.value[..., 4]
    pushed = linear.jvp(tf.constant(change)).numpy().sum((0, 1, 2))
    np.testing.assert_allclose(attribution.sel(channel1=4), pushed, rtol=1e-5, atol=1e-5)
    facts = provenance.read(tmp_path / "d.h5")
    recorded = {"created_by": "drivers", "model": "tiny", "image": "noise"}
    layers = {"layer1": "pooled", "layer2": "late", "override": "smooth"}
    assert (recorded | layers).items() <= facts.items()


def test_a_layer_that_does_not_follow_is_refused(files, tmp_path):
    words = "layer2 'early' is not computed from layer1 'pooled' in model 'tiny'"
    with pytest.raises(BadFile, match=words):
        write_drivers(*files, "pooled", "early", "none", tmp_path / "d.h5", MEMORY_MB)
    assert not (tmp_path / "d.h5").exists()


def test_values_that_are_not_finite_are_refused(files, tmp_path):
    spoilt = tmp_path / "a.zarr.zip"
    dataset = datasets.read(files.activations)
    dataset["activations"][2, 3, 1] = np.inf
    datasets.write_zarr(spoilt, dataset)
    given = files._replace(activations=spoilt)
    with pytest.raises(BadFile, match=r"attribution from 'late' to 'pooled' .* is not finite in"):
        write_drivers(*given, "pooled", "late", "none", tmp_path / "d.h5", MEMORY_MB)
    assert not (tmp_path / "d.h5").exists()
