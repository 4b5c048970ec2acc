"""A Keras network with random weights, and its gradients by a ``GradientTape``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bench.zoo.original import COMPARED, Array, attribution, difference, noise
from bench.zoo.vision_transformer import OWN

NORMS = frozenset({"BatchNormalization", "LayerNormalization", "LayerScale"})
Held = dict[str, tf.Tensor]
Preprocess = Callable[[npt.NDArray[np.float32]], Any]


class KerasOriginal:
    """A Keras network; its file ends in a softmax, ``model`` at the logits before."""

    def __init__(self, model: Any, preprocessing: str, preprocess: Preprocess, file: Path) -> None:
        """Keep a network whose last layer applies the softmax, and save it as ``file``."""
        self.preprocessing, self._preprocess = preprocessing, preprocess
        self.file, self.model, self.size = file, model, model.input_shape[1]
        model.save(file)
        model.layers[-1].activation = keras.activations.linear
        self._kept: dict[int, dict[str, Array]] = {}

    @classmethod
    def application(cls, name: str, size: int, folder: Path, labels: int) -> KerasOriginal:
        """Save one of ``keras.applications`` or ``OWN`` in a folder, with random weights."""
        keras.utils.set_random_seed(1)
        shape = (size, size, 3)
        if name in OWN:
            model, module = OWN[name](shape, labels), keras.applications.inception_v3
        else:
            build = getattr(keras.applications, name)
            model = build(weights=None, input_shape=shape, classes=labels)
            module = sys.modules[build.__module__]
        images = np.stack([noise(100 + i, size) for i in range(4)]).astype(np.float32)
        enliven(model, tf.constant(np.array(module.preprocess_input(images), np.float32)))
        preset = f"keras/{module.__name__.rpartition('.')[2]}"
        return cls(model, preset, module.preprocess_input, folder / f"{name}.keras")

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """Return an image, (row, col, rgb)."""
        return noise(number, self.size)

    def fed(self, number: int) -> tf.Tensor:
        """Return the network's input by the family's own preprocessing."""
        values = self._preprocess(self.image(number).astype(np.float32))
        return tf.constant(np.array(values, np.float32)[None])

    def logits(self, number: int) -> Array:
        """Return the logits of an image, (label)."""
        return np.array(self.model(self.fed(number), training=False)[0])

    def activations(self, number: int) -> Iterable[tuple[str, Array]]:
        """Yield the maps that the logits depend on, in order: name, values (row, col, channel)."""
        if number not in self._kept:
            maps = [layer.name for layer in self.model.layers if _is_map(layer)]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                with held(self.model, maps, tape) as values:
                    logits = self.model(self.fed(number), training=False)
                size = tf.norm(logits)
            slopes = tape.gradient(size, values)
            self._kept[number] = {
                name: as_map(values[name])[0].numpy()
                for name in maps
                if slopes[name] is not None and tf.reduce_any(as_map(slopes[name]) != 0)
            }
        return self._kept[number].items()

    def gradients(self, number: int, layer: str) -> Array:
        """Return the gradients of the first logits by a layer, (label, row, col, channel)."""
        return self._gradients(self.fed(number), layer)[0]

    def length_gradient(self, number: int, layer: str, later: str) -> Array:
        """Return the gradient of the length of a later layer's central vector by a layer."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with held(self.model, [layer, later], tape) as values:
                self.model(self.fed(number), training=False)
            last = as_map(values[later])[0]
            length = tf.norm(last[last.shape[0] // 2, last.shape[1] // 2])
        return as_map(tape.gradient(length, values[layer]))[0].numpy()

    def own_difference(self, number: int, layer: str) -> float:
        """Return how far the attributions are from those of the image moved by one rounding."""
        given = self.fed(number)
        moved = tf.constant(np.nextafter(given.numpy(), np.float32(np.inf)))
        here, there = (attribution(*self._gradients(one, layer)) for one in (given, moved))
        return difference(there, here)

    def _gradients(self, given: tf.Tensor, layer: str) -> tuple[Array, Array]:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            with held(self.model, [layer], tape) as values:
                logits = self.model(given, training=False)
            each = tf.unstack(logits[0, :COMPARED])
        found = [as_map(tape.gradient(one, values[layer]))[0].numpy() for one in each]
        return np.stack(found), as_map(values[layer])[0].numpy()


@contextmanager
def held(model: Any, names: list[str], tape: tf.GradientTape) -> Iterator[Held]:
    """Let calls of the model keep the outputs of layers, watched by ``tape``."""
    values: Held = {}
    layers = [model.get_layer(name) for name in names]
    calls = [layer.call for layer in layers]
    for layer in layers:

        def call(*given: Any, _layer: Any = layer, _call: Any = layer.call, **more: Any) -> Any:
            output = tf.identity(_call(*given, **more))
            tape.watch(output)
            values[_layer.name] = output
            return output

        layer.call = call
    try:
        yield values
    finally:
        for layer, original in zip(layers, calls, strict=True):
            layer.call = original


def enliven(model: Any, given: tf.Tensor) -> None:
    """Give batch norms the moments of some images, and all norms and layer scales other weights.

    With the moments that Keras starts from, signals fade until logits do not depend on the image.
    """
    rng = np.random.default_rng(0)
    norms = [one for one in model._flatten_layers() if type(one).__name__ in NORMS]  # noqa: SLF001
    momenta = [getattr(one, "momentum", None) for one in norms]
    for layer in norms:
        for weight in layer.weights:
            # Keras gives the only weight of a layer scale no name.
            scale = type(layer).__name__ == "LayerScale"
            kind = "gamma" if scale else weight.path.rpartition("/")[2]
            if kind in {"gamma", "beta"}:
                middle = 1 if kind == "gamma" else 0
                weight.assign(middle + rng.uniform(-0.3, 0.3, weight.shape))
        layer.momentum = 0.0
    model(given, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum


def _is_map(layer: Any) -> bool:
    if isinstance(layer, keras.layers.InputLayer):
        return False
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    if len(shape) == 3:
        return _side(shape[1]) > 1
    return len(shape) == 4 and shape[1] > 1


def as_map(value: tf.Tensor) -> tf.Tensor:
    """Return (batch, row, col, channel): tokens without what stands before those of a map."""
    if len(value.shape) == 4:
        return value
    side = _side(value.shape[1])
    return tf.reshape(value[:, -(side**2) :], [-1, side, side, value.shape[2]])


def _side(tokens: int) -> int:
    """Return the side of the square that tokens are, behind a class token or without; else 0."""
    side = math.isqrt(tokens)
    return side if tokens - side**2 in {0, 1} else 0
