"""Changes of a map that are zero but in one channel."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockscope.autodiff.linear_ops.convolution import Convolution


@dataclass(frozen=True, eq=False)
class OneChannel:
    """Part of a change: ``values`` (batch, row, col, 1) of the channels ``numbers`` (batch)."""

    numbers: tf.Tensor
    values: tf.Tensor

    def of(self, value: tf.Tensor) -> tf.Tensor:
        """Return the same channels of a map (1, row, col, channel), (batch, row, col, 1)."""
        return tf.transpose(tf.gather(value, self.numbers, axis=3), [3, 1, 2, 0])

    def to_map(self, channels: int) -> tf.Tensor:
        """Return the whole change, (batch, row, col, channel)."""
        here = tf.one_hot(self.numbers, channels, dtype=self.values.dtype)
        return self.values * here[:, None, None, :]

    def convolved(self, convolution: Convolution) -> tf.Tensor:
        """Convolve the change: what the kernel reads of its channel, times their weights."""
        sliding, padding = convolution.sliding, convolution.padding
        (rows, cols), values = sliding.kernel, self.values
        if not isinstance(padding, str):
            values, padding = tf.pad(values, padding), "VALID"
        kernels = tf.transpose(tf.gather(convolution.weights, self.numbers, axis=2), [2, 0, 1, 3])
        if (rows, cols) == (1, 1):
            down, right = sliding.stride
            return values[:, ::down, ::right] * kernels
        patches = tf.image.extract_patches(
            values, [1, rows, cols, 1], [1, *sliding.stride, 1], [1, 1, 1, 1], padding
        )
        batch, outputs = values.shape[0], kernels.shape[-1]
        flat = tf.reshape(patches, [batch, -1, rows * cols])
        found = flat @ tf.reshape(kernels, [batch, rows * cols, outputs])
        return tf.reshape(found, [batch, *patches.shape[1:3], outputs])
