"""The stage "drivers": attribution between the channels of two layers as a file."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_files import write_tiny_files

from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.stages.attribution.drivers import write_drivers
from blockscope.stages.attribution.layer_task import LayerTask

MEMORY_MB = 2048


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "pooled")


def write(files, folder, later, override="none"):
    write_drivers(
        **files,
        layer1="pooled",
        layer2=later,
        override=override,
        output=folder / "d.h5",
        memory_mb=MEMORY_MB,
    )


def test_the_file_holds_every_channel_of_both_layers(files, tmp_path):
    write(files, tmp_path, "late", "smooth")
    attribution = datasets.read(tmp_path / "d.h5")["attribution"]
    assert dict(attribution.sizes) == {"channel2": 7, "channel1": 6}
    assert attribution.dtype == np.float32
    linear = LayerTask.read(**files, layer="pooled", override="smooth", later="late").linear()
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
        write(files, tmp_path, "early")
    assert not (tmp_path / "d.h5").exists()


def test_values_that_are_not_finite_are_refused(files, tmp_path):
    spoilt = tmp_path / "a.zarr.zip"
    dataset = datasets.read(files["activations"])
    dataset["activations"][2, 3, 1] = np.inf
    datasets.write_zarr(spoilt, dataset)
    with pytest.raises(BadFile, match="'late' of model 'tiny' is not finite in 73 of 140"):
        write(files | {"activations": spoilt}, tmp_path, "late")
    assert not (tmp_path / "d.h5").exists()
