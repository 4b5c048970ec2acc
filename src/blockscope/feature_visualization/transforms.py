"""Shift, scale and rotation of an image as one affine resample of constant shape."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.feature_visualization.recipes import Transforms

GREY = 0.5


def draw(
    transforms: Transforms, size: int, steps: int, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw the transforms of one image, one per step: float32 (step, 2, 3).

    Row 0 gives the col, row 1 the row of the point of the image that a point (col, row, 1) of the
    view is taken from. View and image are square, ``size + margin`` and ``size`` pixels; scale and
    rotation are about their middles, so that the mean displacement is zero.
    """
    before, *after = [
        generator.integers(0, most + 1, (steps, 2)) - most / 2 for most in transforms.jitters
    ] or [np.zeros((steps, 2))]
    scale = generator.choice(transforms.scales, steps)
    angle = np.deg2rad(generator.choice(transforms.angles, steps))
    cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
    turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], 1)
    middle = (size - 1) / 2
    from_view = sum(after, np.zeros((steps, 2))) - (middle + transforms.margin / 2)
    shift = middle + before + np.einsum("sij,sj->si", turn, from_view)
    return np.concatenate([turn, shift[..., None]], 2).astype(np.float32)


def resample(images: tf.Tensor, affine: tf.Tensor, view: int) -> tf.Tensor:
    """Show images (image, row, col, channel) through ``affine`` (image, 2, 3): a square view.

    Bilinear; around the image lies grey. The gradient is the resample of the gradient by the
    inverse, divided by the area of image that a pixel of the view covers: the adjoint, as far as
    bilinear interpolation allows.
    """
    size = images.shape[1:3]
    project = _by_kernel if tf.config.get_visible_devices("GPU") else _compiled

    @tf.custom_gradient
    def shown(values: tf.Tensor) -> tuple[tf.Tensor, tf.custom_gradient]:
        def adjoint(upstream: tf.Tensor) -> tf.Tensor:
            inverse, area = _inverse(affine)
            return project(upstream / area[:, None, None, None], inverse, tuple(size), 0.0)

        return project(values, affine, (view, view), GREY), adjoint

    return shown(images)


def _by_kernel(
    values: tf.Tensor, affine: tf.Tensor, shape: tuple[int, int], fill: float
) -> tf.Tensor:
    rows = tf.reshape(affine, [-1, 6])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=values,
        transforms=tf.concat([rows, tf.zeros_like(rows[:, :2])], 1),
        output_shape=tf.constant(list(shape)),
        fill_value=fill,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


@tf.function(jit_compile=True, autograph=False)
def _compiled(
    values: tf.Tensor, affine: tf.Tensor, shape: tuple[int, int], fill: float
) -> tf.Tensor:
    """Do what TensorFlow's kernel does, which takes three times as long on a processor."""
    rows, cols = values.shape[1:3]
    row, col = tf.meshgrid(*(tf.range(n, dtype=tf.float32) for n in shape), indexing="ij")
    a, b, c, d, e, f = tf.unstack(tf.reshape(affine, [-1, 6, 1, 1]), axis=1)
    col, row = a * col + b * row + c, d * col + e * row + f
    # One pixel of fill is put around the values; further out everything is the same, so that points
    # are clipped to it. Their upper left neighbour is clipped once more: it needs one to its right
    # and one below.
    col, row = tf.clip_by_value(col, -1.0, cols), tf.clip_by_value(row, -1.0, rows)
    left, top = tf.minimum(tf.floor(col), cols - 1.0), tf.minimum(tf.floor(row), rows - 1.0)
    right, down = (col - left)[..., None], (row - top)[..., None]
    around = tf.pad(values, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=fill)
    # One gather over rows and columns together, which XLA fuses with the interpolation; in the
    # padded image the pixel below is cols + 2 places further.
    flat = tf.reshape(around, [-1, (rows + 2) * (cols + 2), values.shape[3]])
    place = (tf.cast(top, tf.int32) + 1) * (cols + 2) + tf.cast(left, tf.int32) + 1

    def neighbour(offset: int) -> tf.Tensor:
        return tf.gather(flat, place + offset, batch_dims=1)

    upper = neighbour(0) * (1 - right) + neighbour(1) * right
    lower = neighbour(cols + 2) * (1 - right) + neighbour(cols + 3) * right
    return upper * (1 - down) + lower * down


def _inverse(affine: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the inverse maps, and the area of image that a pixel of the view covers."""
    (a, b, c), (d, e, f) = (tf.unstack(affine[:, row], axis=1) for row in (0, 1))
    area = a * e - b * d
    rows = [e, -b, b * f - c * e, -d, a, c * d - a * f]
    return tf.reshape(tf.stack(rows, 1) / area[:, None], [-1, 2, 3]), area
