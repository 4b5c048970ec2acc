"""The stage "channels": contrasts by several methods, and every label, in one file."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tiny_files import write_tiny_files

from blockscope.io import datasets
from blockscope.io.errors import UnknownName
from blockscope.stages.attribution.channels import write_channels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_tiny_files(tmp_path_factory.mktemp("tiny"), "pooled")


def write(files, output, contrasts):
    write_channels(
        **files,
        layer="pooled",
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
