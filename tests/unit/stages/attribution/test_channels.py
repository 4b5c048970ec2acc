"""The stage "channels": contrasts by several methods, and every label, in one file."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tiny_files import centred, write_tiny_files

from blockscope.io import datasets
from blockscope.io.errors import UnknownName
from blockscope.stages.attribution.channels import write_channels
from blockscope.stages.attribution.neuron_groups import write_neuron_groups


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "pooled")


def write(files, output, contrasts, layer="pooled"):
    write_channels(
        **files,
        layer=layer,
        override="none",
        contrasts=contrasts,
        methods=["linear", "path"],
        seed=3,
        tolerance=1e-2,
        output=output,
        memory_mb=2048,
    )


def test_a_linear_contrast_is_the_difference_of_two_labels(files, tmp_path):
    write(files, tmp_path / "c.h5", ["b|e", "c"])
    found = datasets.read(tmp_path / "c.h5")
    assert dict(found["attribution"].sizes) == {"pair": 2, "method": 2, "channel": 6}
    assert dict(found["label_attribution"].sizes) == {"label": 9, "channel": 6}
    linear, labels = found["attribution"].sel({"method": "linear"}), found["label_attribution"]
    difference = (labels.sel(label="b") - labels.sel(label="e")).to_numpy()
    np.testing.assert_allclose(linear.sel(pair="b|e"), difference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        linear.sel(pair="c"), labels.sel(label="c").to_numpy(), rtol=1e-4, atol=1e-6
    )
    facts = {key: found.attrs[key] for key in ("created_by", "layer", "seed", "tolerance")}
    assert facts == {"created_by": "channels", "layer": "pooled", "seed": 3, "tolerance": 1e-2}
    assert {"tensorflow", "device"} <= found.attrs.keys()


def test_an_unknown_label_leaves_no_file(files, tmp_path):
    with pytest.raises(UnknownName, match="'z'"):
        write(files, tmp_path / "c.h5", ["a|z"])
    assert not (tmp_path / "c.h5").exists()


def test_what_cancels_by_mathematics_is_written_as_zeros(tmp_path, capfd):
    """Rounding would be left of it, which looks like an attribution."""
    files = write_tiny_files(tmp_path, "early", centred, {"early": ()})
    write(files, tmp_path / "c.h5", ["b|e", "c"], "early")
    found = datasets.read(tmp_path / "c.h5")
    assert found.attrs["cancels"] == 1
    assert not found["label_attribution"].any()
    assert not found["attribution"].sel({"method": "linear"}).any()
    write_neuron_groups(**files, layer="early", n=1, output=tmp_path / "g.h5", memory_mb=2048)
    groups = datasets.read(tmp_path / "g.h5")
    assert groups.attrs["cancels"] == 1
    assert groups["magnitude"].to_numpy() > 0
    assert not groups["effect"].any()
    said = capfd.readouterr().err
    for name in ("label_attribution", "effect of groups"):
        assert f"{name} at layer 'early' of model 'tiny': contributions add up to zero" in said


def test_what_does_not_cancel_says_nothing_of_it(files, tmp_path):
    write(files, tmp_path / "c.h5", ["b|e"])
    found = datasets.read(tmp_path / "c.h5")
    assert "cancels" not in found.attrs
    assert found["label_attribution"].any()
