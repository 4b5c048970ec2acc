"""The zoo tells right from wrong: a tiny network, and the same with a gradient of another."""

import json

import keras
import numpy as np
import pytest

from bench.zoo import __main__ as zoo
from bench.zoo.__main__ import APPLICATIONS, QUANTITIES, apart, is_failure, of_keras, row
from bench.zoo.keras_original import KerasOriginal, enliven
from bench.zoo.kinks import signs_of
from bench.zoo.one_network import try_network
from bench.zoo.original import TOLERANCE, difference
from bench.zoo.vision_transformer import OWN

# Keras saves arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Wrong(KerasOriginal):
    """An original whose gradients are one part in a thousand larger than they are."""

    def gradients(self, number, layer):
        return super().gradients(number, layer) * np.float32(1.001)


def tiny(folder, kind=KerasOriginal):
    keras.utils.set_random_seed(1)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("swish")(x)
    x = keras.layers.Conv2D(7, 3, padding="same")(x)
    x = keras.layers.Activation("swish")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))
    enliven(model, np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)))
    return kind(model, "keras/inception_v3", lambda x: x / 127.5 - 1, folder / "tiny.keras")


@pytest.mark.slow
def test_a_layer_scale_of_almost_zero_gets_weights_about_one():
    image = keras.Input((4, 4, 30))
    scale = keras.applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), classes=2)
    kind = next(type(one) for one in scale.layers if type(one).__name__ == "LayerScale")
    model = keras.Model(image, kind(1e-6, 30)(image))
    enliven(model, np.ones((1, 4, 4, 30), np.float32))
    found = np.array(model.weights[0])
    assert 0.7 <= found.min() < 0.9
    assert 1.1 < found.max() <= 1.3


@pytest.mark.slow
def test_a_right_network_is_right_in_every_quantity(tmp_path):
    found = json.loads(json.dumps(try_network(tiny(tmp_path), tmp_path)))
    assert not is_failure(found)
    assert set(found["errors"]) == set(QUANTITIES)
    assert found["completeness"] <= TOLERANCE
    before, after = found["sprite"]
    assert before < after
    assert found["ratio"] > 0
    assert found["compiled"] > 0
    assert found["apart"] == []
    assert found["known"][0] >= 4
    assert row("tiny", found).startswith("| tiny | ")


@pytest.mark.slow
def test_a_wrong_gradient_is_told(tmp_path):
    found = try_network(tiny(tmp_path, Wrong), tmp_path)
    assert is_failure(found)
    assert "WRONG" in row("tiny", found)
    assert found["errors"]["forward"] == pytest.approx(1e-3, rel=0.1)
    assert len(apart(found)) == 3


def test_a_refusal_is_its_sentence(tmp_path):
    original = tiny(tmp_path)
    original.file.unlink()
    found = try_network(original, tmp_path)
    assert "does not exist" in row("tiny", found)
    assert not is_failure(found)


def test_a_process_that_died_is_a_failure():
    found = {"traceback": "ValueError: no"}
    assert is_failure(found)
    assert row("a", found) == "| a | FAILED: ValueError: no |"


def test_a_difference_from_nothing_is_infinite():
    assert difference(np.zeros(3), np.zeros(3)) == np.inf
    assert difference(np.array([1.0, np.nan]), np.array([1.0, 2.0])) == np.inf
    assert difference(np.array([1.0, 2.5]), np.array([1.0, 2.0])) == 0.25


@pytest.mark.parametrize(
    "worse",
    [{"completeness": 2e-3}, {"completeness": np.nan}, {"sprite": (1, 1)}, {"sprite": (0, np.nan)}],
)
def test_what_is_not_compared_fails_too(worse):
    found = {"images": 3, "apart": [], "completeness": 1e-4, "sprite": (0.0, 1.0)}
    assert not is_failure(found)
    assert is_failure(found | worse)


def test_tokens_are_maps_as_far_as_the_logits_depend_on_them(tmp_path):
    original = KerasOriginal.application("VisionTransformer", 64, tmp_path, 5)
    maps = dict(original.activations(0))
    assert maps["block1_attention"].shape == (4, 4, 96)
    assert "block3_attention" not in maps  # its class token alone is read
    assert original.gradients(0, "block1_attention").shape == (5, 4, 4, 96)


def test_signs_of_others_decide_what_a_relu_passes():
    image = keras.Input((2, 2, 3))
    model = keras.Model(image, keras.layers.Activation("relu", name="relu")(image))
    given = np.arange(-6, 6, dtype=np.float32).reshape(1, 2, 2, 3)
    with signs_of(model, {"relu": -given}):
        assert np.array_equal(model(given), np.minimum(given, 0))
    assert np.array_equal(model(given), np.maximum(given, 0))


def test_every_application_exists():
    names = [of_keras(name, 96)["keras"] for name in APPLICATIONS]
    assert all(name in OWN or hasattr(keras.applications, name) for name in names)


def test_a_network_may_have_a_size_of_its_own():
    assert of_keras("A", 96) == {"keras": "A", "size": 96, "title": "A"}
    assert of_keras("A:64", 96) == {"keras": "A", "size": 64, "title": "A:64"}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], list(APPLICATIONS)),
        (["--keras"], list(APPLICATIONS)),
        (["--keras", "MobileNet", "VGG16:64"], ["MobileNet", "VGG16:64"]),
        (["--speed", "ResNet50"], []),
    ],
)
def test_the_networks_that_are_compared(monkeypatch, options, asked):
    found = []

    def in_own_process(one, minutes):
        if "pairs" not in one:
            found.append(one["title"])
        return {"refused": "not now", "traceback": "", "seconds": 0.0}

    monkeypatch.setattr(zoo, "in_own_process", in_own_process)
    monkeypatch.setattr("sys.argv", ["zoo", *options])
    zoo.main()
    assert found == asked
