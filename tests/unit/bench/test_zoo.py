"""The zoo tells right from wrong: a tiny network, and the same with a gradient of another."""

import json

import keras
import numpy as np
import pytest

from bench.zoo.__main__ import APPLICATIONS, apart, is_failure, row
from bench.zoo.keras_original import KerasOriginal, enliven
from bench.zoo.one_network import try_network
from bench.zoo.original import difference

# Keras saves arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Wrong(KerasOriginal):
    """An original whose gradients are one part in a thousand larger than they are."""

    def gradients(self, number, layer):
        return super().gradients(number, layer) * np.float32(1.001)


def tiny(folder, kind=KerasOriginal):
    keras.utils.set_random_seed(1)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("swish")(x)
    x = keras.layers.Conv2D(7, 3, padding="same")(x)
    x = keras.layers.Activation("swish")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))
    enliven(model, np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)))
    return kind(model, "keras/inception_v3", lambda x: x / 127.5 - 1, folder / "tiny.keras")


def test_a_right_network_is_right_in_every_quantity(tmp_path):
    found = json.loads(json.dumps(try_network(tiny(tmp_path), tmp_path)))
    assert not is_failure(found)
    assert set(found["errors"]) == {
        "logits", "activations", "forward", "reverse", "positions", "channels", "completeness",
    }  # fmt: skip
    assert found["apart"] == []
    assert found["known"][0] >= 4
    assert row("tiny", found).startswith("| tiny | ")


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
    assert difference(np.array([1.0, 2.5]), np.array([1.0, 2.0])) == 0.25


def test_every_application_exists():
    assert all(hasattr(keras.applications, name) for name in APPLICATIONS)
