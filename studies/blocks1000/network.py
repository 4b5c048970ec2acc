"""The network: InceptionV1 at a quarter of its width, as a Keras model and as a frozen graph.

The architecture is written once, for two backends that build its layers: one is trained, the other
frozen. The frozen graph has exactly InceptionV1's operation names, with batch norm folded into the
convolutions. The logit of a (shape, fill, colour) is the sum of one value from each of three heads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.io.blocks1000.vocabulary import HEADS, LABELS, kind_of

SIZE: Final = 224
RANGE: Final = (-117.0, 138.0)  # what black and white become, as for InceptionV1
WIDTH: Final = 0.25
EPSILON: Final = 1e-3  # of batch norm
# local response normalisation: radius, bias, alpha, beta
LRN: Final = (5, 2.0, 1e-4, 0.5)
# channels at full width: 1x1, 3x3 bottleneck, 3x3, 5x5 bottleneck, 5x5, pool
BLOCKS: Final[dict[str, tuple[int, int, int, int, int, int]]] = {
    "mixed3a": (64, 96, 128, 16, 32, 32),
    "mixed3b": (128, 128, 192, 32, 96, 64),
    "mixed4a": (192, 96, 204, 16, 48, 64),
    "mixed4b": (160, 112, 224, 24, 64, 64),
    "mixed4c": (128, 128, 256, 24, 64, 64),
    "mixed4d": (112, 144, 288, 32, 64, 64),
    "mixed4e": (256, 160, 320, 32, 128, 128),
    "mixed5a": (256, 160, 320, 48, 128, 128),
    "mixed5b": (384, 192, 384, 48, 128, 128),
}


class Backend(Protocol):
    """Builds the layers of the architecture; ``name`` is InceptionV1's."""

    def conv(self, x: Any, name: str, kernel: int, channels: int, stride: int = 1) -> Any:
        """Convolve (SAME), add a bias, rectify."""

    def pool(self, x: Any, name: str, stride: int) -> Any:
        """Take the maximum over 3 x 3 (SAME)."""

    def normalise(self, x: Any, name: str) -> Any:
        """Divide by the energy of neighbouring channels."""

    def concat(self, branches: list[Any], name: str) -> Any:
        """Join branches along the channels."""


def trunk(on: Backend, x: Any, width: float = WIDTH) -> Any:
    """Build everything up to mixed5b, at a share of InceptionV1's width."""
    x = on.conv(x, "conv2d0", 7, int(64 * width), stride=2)
    x = on.normalise(on.pool(x, "maxpool0", 2), "localresponsenorm0")
    x = on.conv(on.conv(x, "conv2d1", 1, int(64 * width)), "conv2d2", 3, int(192 * width))
    x = on.pool(on.normalise(x, "localresponsenorm1"), "maxpool1", 2)
    for name in BLOCKS:
        x = _mixed(on, x, name, width)
        if name == "mixed3b":
            x = on.pool(x, "maxpool4", 2)
        elif name == "mixed4e":
            x = on.pool(x, "maxpool10", 2)
    return x


def _mixed(on: Backend, x: Any, name: str, width: float) -> Any:
    one, before3, three, before5, five, pooled = (int(n * width) for n in BLOCKS[name])
    branches = [
        on.conv(x, f"{name}_1x1", 1, one),
        on.conv(on.conv(x, f"{name}_3x3_bottleneck", 1, before3), f"{name}_3x3", 3, three),
        on.conv(on.conv(x, f"{name}_5x5_bottleneck", 1, before5), f"{name}_5x5", 5, five),
        on.conv(on.pool(x, f"{name}_pool", 1), f"{name}_pool_reduce", 1, pooled),
    ]
    return on.concat(branches, name)


class _Normalise(tf.keras.layers.Layer):  # type: ignore[misc]
    """tf.nn.lrn as a product with a band matrix, whose gradient is much faster on a CPU."""

    def build(self, shape: Any) -> None:
        radius, _, alpha, _ = LRN
        at = np.arange(shape[-1])
        self.band = (alpha * (np.abs(at[:, None] - at) <= radius))[None, None].astype(np.float32)

    def call(self, x: Any) -> Any:
        return x * tf.math.rsqrt(LRN[1] + tf.nn.conv2d(x * x, self.band, 1, "SAME"))


class _Trainable:
    """Keras layers with batch norm after every convolution."""

    def conv(self, x: Any, name: str, kernel: int, channels: int, stride: int = 1) -> Any:
        convolve = tf.keras.layers.Conv2D(
            channels,
            kernel,
            stride,
            "same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )
        norm = tf.keras.layers.BatchNormalization(
            momentum=0.98, epsilon=EPSILON, name=f"{name}_norm"
        )
        return tf.keras.layers.ReLU(name=name)(norm(convolve(x)))

    def pool(self, x: Any, name: str, stride: int) -> Any:
        return tf.keras.layers.MaxPool2D(3, stride, "same", name=name)(x)

    def normalise(self, x: Any, name: str) -> Any:
        return _Normalise(name=name)(x)

    def concat(self, branches: list[Any], name: str) -> Any:
        return tf.keras.layers.Concatenate(name=name)(branches)


def trainable() -> Any:
    """Return the Keras model: (batch, row, col, rgb) in RANGE, any size -> (batch, 30) values."""
    x = tf.keras.Input((None, None, 3), name="input")
    pooled = tf.keras.layers.GlobalAveragePooling2D(name="avgpool0")(trunk(_Trainable(), x))
    return tf.keras.Model(x, tf.keras.layers.Dense(sum(HEADS), name="heads")(pooled))


Weights = npt.NDArray[np.float32]


class Frozen:
    """Plain operations with InceptionV1's names.

    Parameters
    ----------
    weights
        Function of a convolution's name and kernel shape (row, col, in, out) that returns its
        kernel and its bias (out).
    """

    def __init__(self, weights: Callable[[str, tuple[int, ...]], tuple[Weights, Weights]]) -> None:
        self.weights = weights

    def conv(self, x: Any, name: str, kernel: int, channels: int, stride: int = 1) -> Any:
        """Convolve (SAME), add the bias, rectify: operations X_pre_relu/conv, X_pre_relu, X."""
        values, offsets = self.weights(name, (kernel, kernel, x.shape[-1], channels))
        kernel_constant = tf.constant(values, name=f"{name}_w")
        bias = tf.constant(offsets, name=f"{name}_b")
        strides = [1, stride, stride, 1]
        summed = tf.nn.conv2d(x, kernel_constant, strides, "SAME", name=f"{name}_pre_relu/conv")
        biased = tf.nn.bias_add(summed, bias, name=f"{name}_pre_relu")
        return tf.nn.relu(biased, name=name)

    def pool(self, x: Any, name: str, stride: int) -> Any:
        """Take the maximum over 3 x 3 (SAME)."""
        return tf.raw_ops.MaxPool(
            input=x, ksize=[1, 3, 3, 1], strides=[1, stride, stride, 1], padding="SAME", name=name
        )

    def normalise(self, x: Any, name: str) -> Any:
        """Divide by the energy of neighbouring channels."""
        return tf.nn.local_response_normalization(x, *LRN, name=name)

    def concat(self, branches: list[Any], name: str) -> Any:
        """Join branches along the channels."""
        axis = tf.constant(3, name=f"{name}/axis")
        return tf.raw_ops.ConcatV2(values=branches, axis=axis, name=name)


def sums() -> npt.NDArray[np.float32]:
    """Return the matrix (head value, label) of 0 and 1 that adds three head values to a logit."""
    matrix = np.zeros((sum(HEADS), len(LABELS)), dtype=np.float32)
    starts = np.cumsum((0, *HEADS[:-1]))
    for label in range(len(LABELS)):
        matrix[starts + np.array(kind_of(label)), label] = 1
    return matrix


def flattened(x: Any) -> Any:
    """Average mixed5b over 7 x 7 positions and flatten it, (batch, channel)."""
    x = tf.raw_ops.AvgPool(
        value=x, ksize=[1, 7, 7, 1], strides=[1, 1, 1, 1], padding="VALID", name="avgpool0"
    )
    flat = tf.constant([-1, x.shape[-1]], name="avgpool0/reshape/shape")
    return tf.raw_ops.Reshape(tensor=x, shape=flat, name="avgpool0/reshape")


def frozen(model: Any) -> Any:
    """Return the GraphDef of a trained model: `input` (batch, 224, 224, rgb) -> `softmax2`.

    It holds only Placeholder, Const, Conv2D, BiasAdd, Relu, MaxPool, LRN, ConcatV2, AvgPool,
    Reshape, MatMul and Softmax.
    """
    # read here, where execution is eager: inside a graph variables have no values
    trained = {layer.name: layer.get_weights() for layer in model.layers}

    def folded(name: str, shape: tuple[int, ...]) -> tuple[Weights, Weights]:
        (kernel,) = trained[f"{name}_conv"]
        gamma, beta, mean, variance = trained[f"{name}_norm"]
        factor = gamma / np.sqrt(variance + EPSILON)
        return (kernel * factor).reshape(shape), beta - mean * factor

    weights, bias = trained["heads"]
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        x = flattened(trunk(Frozen(folded), x))
        values = tf.matmul(x, tf.constant(weights, name="heads_w"), name="heads/matmul")
        values = tf.nn.bias_add(values, tf.constant(bias, name="heads_b"), name="heads")
        matrix = tf.constant(sums(), name="softmax2_w")
        logits = tf.matmul(values, matrix, name="softmax2_pre_activation")
        tf.nn.softmax(logits, name="softmax2")
    return graph.as_graph_def()
