"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze and excitation) as a Keras network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy.typing as npt
from keras import layers

SIZE = 224
Weights = Mapping[str, npt.NDArray[Any]]


class Stage(NamedTuple):
    """Blocks of one width: how many, and of the first one the kernel, stride and expansion."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Builder:
    """Adds layers and notes which arrays of the file they take."""

    def __init__(self) -> None:
        self._taken: list[tuple[keras.Layer, list[str]]] = []

    def convolution(
        self, x: Any, kind: keras.Layer, name: str, norm: str, *, relu: str = ""
    ) -> Any:
        """Add a convolution without bias, its batch norm and, where it has a name, ReLU6."""
        self._taken.append((kind, [f"{name}.weight"]))
        after = layers.BatchNormalization(epsilon=1e-3)
        parts = ("weight", "bias", "running_mean", "running_var")
        self._taken.append((after, [f"{norm}.{part}" for part in parts]))
        x = after(kind(x))
        return layers.ReLU(6.0, name=relu)(x) if relu else x

    def dense(self, x: Any, kind: keras.Layer, name: str) -> Any:
        """Add a dense layer."""
        self._taken.append((kind, [f"{name}.weight", f"{name}.bias"]))
        return kind(x)

    def load(self, weights: Weights) -> None:
        """Give every layer its arrays; an array that no layer takes is a mistake."""
        left = {name for name in weights if not name.endswith("num_batches_tracked")}
        for layer, names in self._taken:
            layer.set_weights([_as_keras(layer, weights[name]) for name in names])
            left -= set(names)
        if left:
            raise ValueError(f"no layer takes {', '.join(sorted(left))}")


def _as_keras(layer: keras.Layer, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bring PyTorch's order of axes (out, in, row, col) to that of Keras."""
    if isinstance(layer, layers.DepthwiseConv2D):
        return array.transpose(2, 3, 0, 1)
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T


def efficientnet_lite0(weights: Weights) -> keras.Model:
    """Return the network with its weights, from an image to probabilities of 1000 labels."""
    build = Builder()
    image = keras.Input((SIZE, SIZE, 3), name="image")
    plain = {"padding": "same", "use_bias": False}
    stem = layers.Conv2D(32, 3, strides=2, **plain)
    x = build.convolution(image, stem, "_conv_stem", "_bn0", relu="stem")
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            x = _block(build, x, stage, number, stage.stride if place == 0 else 1)
            number += 1
    x = build.convolution(x, layers.Conv2D(1280, 1, **plain), "_conv_head", "_bn1", relu="head")
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    logits = build.dense(x, layers.Dense(1000, name="logits"), "_fc")
    network = keras.Model(image, layers.Softmax(name="probabilities")(logits))
    build.load(weights)
    return network


def _block(build: Builder, given: Any, stage: Stage, number: int, stride: int) -> Any:
    """Add an inverted bottleneck: wide, channels apart, narrow; added to what it is given."""
    place, plain = f"_blocks.{number}", {"padding": "same", "use_bias": False}
    x = given
    if stage.expansion > 1:
        wide = layers.Conv2D(given.shape[-1] * stage.expansion, 1, **plain)
        x = build.convolution(
            x, wide, f"{place}._expand_conv", f"{place}._bn0", relu=f"block{number}_wide"
        )
    deep = layers.DepthwiseConv2D(stage.kernel, strides=stride, **plain)
    x = build.convolution(
        x, deep, f"{place}._depthwise_conv", f"{place}._bn1", relu=f"block{number}_deep"
    )
    narrow = layers.Conv2D(stage.width, 1, **plain)
    x = build.convolution(x, narrow, f"{place}._project_conv", f"{place}._bn2")
    return layers.Add()([x, given]) if given.shape == x.shape else x
