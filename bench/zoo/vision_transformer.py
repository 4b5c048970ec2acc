"""A small vision transformer in Keras' own layers, which ``keras.applications`` has none of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

PATCH, WIDTH, HEADS, BLOCKS = 16, 96, 4, 4


def vision_transformer(shape: tuple[int, int, int], labels: int) -> Any:
    """Return the network for images of a shape, which ends in a softmax."""
    image = keras.Input(shape)
    side = shape[0] // PATCH
    x = layers.Conv2D(WIDTH, PATCH, PATCH, name="patches")(image)
    x = layers.Reshape([side**2, WIDTH], name="tokens")(x)
    x = layers.ZeroPadding1D((1, 0), name="with_class_token")(x)
    # A bias for each token: its position, and at the first one the class token.
    x = layers.EinsumDense(
        "btc,cd->btd",
        (side**2 + 1, WIDTH),
        bias_axes="td",
        bias_initializer="random_normal",
        name="with_positions",
    )(x)
    for block in range(BLOCKS):
        y = layers.LayerNormalization(name=f"block{block}_norm1")(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"block{block}_attention")(y, y)
        x = layers.Add(name=f"block{block}_add1")([x, y])
        y = layers.LayerNormalization(name=f"block{block}_norm2")(x)
        y = layers.Dense(4 * WIDTH, activation="gelu", name=f"block{block}_dense1")(y)
        y = layers.Dense(WIDTH, name=f"block{block}_dense2")(y)
        x = layers.Add(name=f"block{block}_add2")([x, y])
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Flatten(name="class_token")(layers.Cropping1D((0, side**2), name="cropped")(x))
    return keras.Model(image, layers.Dense(labels, activation="softmax", name="head")(x))


OWN: Mapping[str, Callable[..., Any]] = {"VisionTransformer": vision_transformer}
