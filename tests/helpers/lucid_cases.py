"""What Lucid computed: on which graphs, for which images and layers, and how close is close."""

from __future__ import annotations

import numpy as np
import pytest

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
# Four times the positions of the others, and labels that are almost equally likely, so that a path
# takes hundreds of steps.
LONGEST = "squeezenet_flowers_fire5_fire9"


def each_case(*slow):
    """Return the cases as parameters; the longest and those of ``slow`` are marked."""
    return [
        pytest.param(case, marks=[pytest.mark.slow] * (case in {LONGEST, *slow})) for case in CASES
    ]


def known(golden, layer):
    """Return the golden activations of a layer, or None where the file has none.

    Derivatives are taken at these: another processor rounds otherwise, and where two inputs of a
    max pooling are nearly equal, the last bit decides which of them gets the whole gradient.
    """
    return golden.get(f"acts/{layer}")


def assert_agrees(found, golden):
    error = np.abs(found - golden).max() / np.abs(golden).max()
    assert error <= 1e-5, f"largest difference {error:.2e} of the golden array's largest value"
