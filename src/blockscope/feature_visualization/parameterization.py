"""Image parameterisations: the numbers that are changed, and the pictures they stand for."""

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


class Parameters(Protocol):
    """A way to stand for square pictures by numbers; an image's numbers do not mix with others'."""

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return the numbers that one picture begins with, without an axis for images."""

    def pictures(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return pictures (image, row, col, rgb or rgba), 0 to 1, of numbers (image, ...)."""


def parameters_of(recipe: Recipe) -> Parameters:
    """Return a recipe's parameterisation; raises ``UnknownName`` for an unknown ``space``."""
    channels = 4 if recipe.alpha else 3
    if recipe.space == "fourier":
        return Fourier(recipe.size, channels, recipe.decay, recipe.spread)
    if recipe.space == "pixel":
        return Pixels(recipe.size, channels, recipe.spread)
    raise unknown_name("space of a recipe", recipe.space, ["fourier", "pixel"])


class Pixels:
    """Every value of the picture by itself, colours decorrelated."""

    def __init__(self, size: int, channels: int, spread: float) -> None:
        self.shape = (size, size, channels)
        self.spread = spread

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return noise (row, col, channel)."""
        return generator.normal(0, self.spread, self.shape).astype(np.float32)

    def pictures(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return pictures of numbers (image, row, col, channel)."""
        return coloured(numbers)


class Fourier:
    """Fourier coefficients of the picture, low frequencies larger, colours decorrelated.

    Dividing by the frequency makes a step of the same size change all scales of the picture alike
    as far as the eye is concerned; photographs have such a spectrum.
    """

    def __init__(self, size: int, channels: int, decay: float, spread: float) -> None:
        self.size, self.channels, self.spread = size, channels, spread
        self.scale = spectrum_scale(size, size, decay)

    def start(self, generator: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return noise (real or imaginary, channel, row, half of the cols and one)."""
        shape = (2, self.channels, *self.scale.shape)
        return generator.normal(0, self.spread, shape).astype(np.float32)

    def pictures(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return pictures of numbers (image, real or imaginary, channel, row, half col)."""
        real, imaginary = tf.unstack(numbers * tf.constant(self.scale / CONTRAST), axis=1)
        values = tf.signal.irfft2d(tf.complex(real, imaginary), [self.size, self.size])
        return coloured(tf.transpose(values, [0, 2, 3, 1]))


def spectrum_scale(rows: int, cols: int, decay: float) -> npt.NDArray[np.float32]:
    """Return sqrt(rows cols) / max(frequency, lowest)^decay, (row, half of the cols and one).

    Frequencies are in cycles per pixel; the lowest, that of one cycle over the longer side, also
    stands for the mean. Source: lucid/optvis/param/spatial.py.
    """
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None])
    lowest = 1 / max(rows, cols)
    return (np.sqrt(rows * cols) / np.maximum(frequency, lowest) ** decay).astype(np.float32)


def coloured(values: tf.Tensor) -> tf.Tensor:
    """Map decorrelated values (..., 3 or 4) to colours 0 to 1; the fourth is the opacity.

    The matrix is ``COLOURS`` over its longest column.
    """
    matrix = tf.constant((COLOURS / np.linalg.norm(COLOURS, axis=0).max()).T, tf.float32)
    if values.shape[-1] == 3:
        return tf.sigmoid(tf.linalg.matmul(values, matrix))
    rgb = tf.linalg.matmul(values[..., :3], matrix)
    return tf.sigmoid(tf.concat([rgb, values[..., 3:]], -1))
