"""What networks are fed: each preset against its family's own function, and every other rule."""

from __future__ import annotations

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from pydantic import ValidationError

from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.entry import InputSettings
from blockscope.models.network import Network
from blockscope.models.preprocessing import PRESETS, Preprocessing

SIZE = (5, 7)
MODULES = [
    name for name in dir(keras.applications)
    if name.islower() and hasattr(getattr(keras.applications, name), "preprocess_input")
    and name != "imagenet_utils"
]  # fmt: skip


def photo() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def fed(rule: Preprocessing, pixels: np.ndarray) -> np.ndarray:
    """Return what a network is given for an image, and check that sprites are fed the same."""
    spec = InputSpec(tensor="x", size=SIZE, **rule.model_dump())
    values = Network(tf.Graph().as_graph_def(), spec, "y").values(pixels)
    assert values.dtype == np.float32
    images = tf.constant(pixels[None] / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(images)
        drawn = rule.feed(images)
    np.testing.assert_array_equal(drawn, values)
    assert np.abs(tape.gradient(drawn, images)).min() > 0
    return values


@pytest.mark.parametrize("module", MODULES)
def test_presets_of_keras_feed_what_its_own_function_gives(module) -> None:
    own = importlib.import_module(f"keras.applications.{module}").preprocess_input
    expected = own(photo()[None].astype(np.float32))
    np.testing.assert_allclose(fed(PRESETS[f"keras/{module}"], photo()), expected, atol=2e-5)


def test_presets_of_torchvision_and_timm_follow_the_documented_formula() -> None:
    """``ToTensor`` divides by 255, ``Normalize`` is (x - mean) / std, of red, green, blue."""
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    expected = ((photo() / 255 - mean) / std)[None]
    np.testing.assert_allclose(fed(PRESETS["torchvision/imagenet"], photo()), expected, atol=1e-6)
    assert PRESETS["timm/imagenet_default"] == PRESETS["torchvision/imagenet"]
    expected = ((photo() / 255 - 0.5) / 0.5)[None]
    np.testing.assert_allclose(
        fed(PRESETS["timm/imagenet_inception"], photo()), expected, atol=1e-6
    )
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    expected = ((photo() / 255 - mean) / std)[None]
    np.testing.assert_allclose(fed(PRESETS["timm/openai_clip"], photo()), expected, atol=1e-6)


def test_the_first_inception_is_fed_bytes_minus_117() -> None:
    expected = photo()[None].astype(np.float64) - 117
    np.testing.assert_allclose(fed(PRESETS["inception5h"], photo()), expected, atol=2e-5)


def test_a_range_alone_feeds_the_bits_that_it_always_did() -> None:
    low, high = -117, 138
    expected = low + (high - low) * (photo().astype(np.float32) / np.float32(255))
    rule = InputSettings(size=SIZE, range=(low, high)).rule_for(3)
    assert fed(rule, photo()).tobytes() == expected[None].tobytes()


def test_grey_is_the_luminance_that_pillow_computes() -> None:
    rule = InputSettings(size=SIZE, range=(0, 255)).rule_for(1)
    expected = np.asarray(Image.fromarray(photo()).convert("L"))[None, ..., None]
    found = fed(rule, photo())
    assert found.shape == (1, *SIZE, 1)
    np.testing.assert_allclose(found, expected, atol=0.51)  # Pillow rounds


def test_grey_with_mean_and_deviation() -> None:
    keys = {"size": SIZE, "range": (0, 1), "mean": [0.1307], "std": [0.3081], "order": "grey"}
    grey = photo() @ [0.299, 0.587, 0.114] / 255
    expected = ((grey - 0.1307) / 0.3081)[None, ..., None]
    rule = InputSettings.model_validate(keys).rule_for(1)
    np.testing.assert_allclose(fed(rule, photo()), expected, atol=1e-6)


def test_means_are_named_by_colour_whatever_the_order() -> None:
    keys = {"size": SIZE, "range": (0, 255), "mean": [10, 20, 40], "std": [1, 2, 4], "order": "bgr"}
    expected = ((photo() - np.array([10, 20, 40])) / [1, 2, 4])[None, ..., ::-1]
    rule = InputSettings.model_validate(keys).rule_for(3)
    np.testing.assert_allclose(fed(rule, photo()), expected, atol=2e-5)
    assert rule.in_words() == (
        "values 0 to 255, minus 10, 20, 40 of red, green, blue, divided by 1, 2, 4 of red, green, "
        "blue, in the order blue, green, red"
    )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "give range, or preprocessing, the network's family; valid: keras/resnet, keras/res"),
        ({"mean": [1, 2, 3]}, r"give range \(the scale of mean and std: \[0, 1\] or \[0, 255\]\)"),
        (
            {"preprocessing": "keras/resnet5"},
            "unknown preprocessing 'keras/resnet5'; nearest of 21: keras/resnet50",
        ),
        (
            {"preprocessing": "keras/resnet50", "range": [0, 1]},
            r"'keras/resnet50' \(values 0 to 255, minus 123.68, .* green, red\) and range can",
        ),
        ({"range": [0, 1], "std": [1, 2]}, "std has 2 numbers; valid: three, of red, green, blue"),
        ({"range": [0, 1], "mean": [0, 0, 0], "order": "grey"}, "mean has 3 numbers; valid: one"),
        ({"range": [0, 1], "std": [0, 1, 1]}, r"greater than or equal to (1e-06|0\.000001)"),
        (
            {"range": [0, 1], "resize": 6},
            r"resize 6 is smaller than size \[5, 7\], .*; valid: 7 or",
        ),
        ({"range": [0, 1], "resize": "fit"}, "must be crop, squash, or a whole number of pixels"),
    ],
)
def test_keys_that_make_no_rule_are_refused(keys, words) -> None:
    with pytest.raises(ValidationError, match=words):
        InputSettings.model_validate({"size": SIZE} | keys)


@pytest.mark.parametrize(
    ("keys", "channels", "words"),
    [
        (
            {"range": (0, 1), "order": "grey"},
            3,
            r"has 3 channels, but the rule .* gives 1; valid: o",
        ),
        ({"range": (0, 1), "order": "bgr"}, 1, r"has 1 channel, but .* gives 3; valid: order grey"),
        ({"preprocessing": "keras/vgg16"}, 1, r"has 1 channel, but the rule .* gives 3"),
        (
            {"range": (0, 1), "mean": (1, 2, 3)},
            1,
            "mean has 3 numbers, but the input tensor has 1 c",
        ),
        (
            {"range": (0, 1), "std": (2,)},
            3,
            "std has 1 number, but the input tensor has 3 channels",
        ),
    ],
)
def test_rules_that_do_not_fit_the_network_are_refused(keys, channels, words) -> None:
    with pytest.raises(BadFile, match=words):
        InputSettings(size=SIZE, **keys).rule_for(channels)
