"""Shift, scale and rotation of a picture as one affine resample of constant shape."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.ascent.recipes import Transforms

GREY = 0.5


def draw(
    transforms: Transforms, size: int, steps: int, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw the transforms of one picture, one per step: float32 (step, 2, 3).

    Row 0 gives the col, row 1 the row of the point of the picture that a point (col, row, 1) of
    the view is taken from. View and picture are square, ``size + margin`` and ``size`` pixels;
    scale and rotation are about their middles, so that the mean displacement is zero.
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


def resample(pictures: tf.Tensor, affine: tf.Tensor, view: int) -> tf.Tensor:
    """Show pictures (image, row, col, channel) through ``affine`` (image, 2, 3): a square view.

    Bilinear; around the picture lies grey. The gradient is the resample of
    the gradient by the inverse, divided by the square of the scale: the adjoint, as far as bilinear
    interpolation allows.
    """
    size = pictures.shape[1:3]

    @tf.custom_gradient
    def shown(values: tf.Tensor) -> tuple[tf.Tensor, tf.custom_gradient]:
        def adjoint(upstream: tf.Tensor) -> tf.Tensor:
            inverse, area = _inverse(affine)
            return _project(upstream / area[:, None, None, None], inverse, size, 0.0)

        return _project(values, affine, (view, view), GREY), adjoint

    return shown(pictures)


def _project(
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


def _inverse(affine: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the inverse maps, and the area of picture that a pixel of the view covers."""
    (a, b, c), (d, e, f) = (tf.unstack(affine[:, row], axis=1) for row in (0, 1))
    area = a * e - b * d
    rows = [e, -b, b * f - c * e, -d, a, c * d - a * f]
    return tf.reshape(tf.stack(rows, 1) / area[:, None], [-1, 2, 3]), area
