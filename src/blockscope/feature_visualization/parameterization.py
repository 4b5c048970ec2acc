"""Image parameterizations: the parameters that are optimized, and the images that they give."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.recipes import Recipe
from blockscope.io.errors import unknown_name

# How the colours of photographs vary together: rows red, green, blue; each column a direction in
# which they vary independently of the others. Source: lucid/optvis/param/color.py.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
CONTRAST = 4.0  # Lucid's divisor of what the Fourier transform gives


class Parameterization(Protocol):
    """A map from parameters to square images; one image's parameters do not affect another."""

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return the initial parameters of one image, without an axis for images."""

    def images(self, parameters: tf.Tensor) -> tf.Tensor:
        """Return images (image, row, col, rgb or rgba), 0 to 1, of parameters (image, ...)."""


def parameterization_of(recipe: Recipe) -> Parameterization:
    """Return a recipe's parameterization; raises ``UnknownName`` for an unknown one."""
    channels = 4 if recipe.alpha else 3
    if recipe.parameterization == "fourier":
        return FourierParameterization(recipe.size, channels, recipe.decay_power, recipe.init_std)
    if recipe.parameterization == "pixel":
        return PixelParameterization(recipe.size, channels, recipe.init_std)
    raise unknown_name(
        "parameterization of a recipe", recipe.parameterization, ["fourier", "pixel"]
    )


class PixelParameterization:
    """Every value of the image separately, colours decorrelated."""

    def __init__(self, size: int, channels: int, init_std: float) -> None:
        self.shape = (size, size, channels)
        self.init_std = init_std

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return noise (row, col, channel)."""
        return generator.normal(0, self.init_std, self.shape).astype(np.float32)

    def images(self, parameters: tf.Tensor) -> tf.Tensor:
        """Return images of parameters (image, row, col, channel)."""
        return to_colours(parameters)


class FourierParameterization:
    """Fourier coefficients of the image, low frequencies larger, colours decorrelated.

    Dividing by the frequency makes a step of the same size change all scales of the image alike as
    far as the eye is concerned; photographs have such a spectrum.
    """

    def __init__(self, size: int, channels: int, decay_power: float, init_std: float) -> None:
        self.size, self.channels, self.init_std = size, channels, init_std
        self.scale = spectrum_scale(size, size, decay_power)

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return noise (real or imaginary, channel, row, half of the cols and one)."""
        shape = (2, self.channels, *self.scale.shape)
        return generator.normal(0, self.init_std, shape).astype(np.float32)

    def images(self, parameters: tf.Tensor) -> tf.Tensor:
        """Return images of parameters (image, real or imaginary, channel, row, half col)."""
        real, imaginary = tf.unstack(parameters * tf.constant(self.scale / CONTRAST), axis=1)
        values = tf.signal.irfft2d(tf.complex(real, imaginary), [self.size, self.size])
        return to_colours(tf.transpose(values, [0, 2, 3, 1]))


def spectrum_scale(rows: int, cols: int, decay_power: float) -> npt.NDArray[np.float32]:
    """Return sqrt(rows cols) / max(frequency, lowest)^decay_power, (row, half the cols and one).

    Frequencies are in cycles per pixel; the lowest, that of one cycle over the longer side, also
    stands for the mean. Source: lucid/optvis/param/spatial.py.
    """
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None])
    lowest = 1 / max(rows, cols)
    scale = np.sqrt(rows * cols) / np.maximum(frequency, lowest) ** decay_power
    return scale.astype(np.float32)


def to_colours(values: tf.Tensor) -> tf.Tensor:
    """Map decorrelated values (..., 3 or 4) to colours 0 to 1; the fourth is the opacity.

    The matrix is ``COLOURS`` over its longest column.
    """
    matrix = tf.constant((COLOURS / np.linalg.norm(COLOURS, axis=0).max()).T, tf.float32)
    if values.shape[-1] == 3:
        return tf.sigmoid(tf.linalg.matmul(values, matrix))
    rgb = tf.linalg.matmul(values[..., :3], matrix)
    return tf.sigmoid(tf.concat([rgb, values[..., 3:]], -1))
