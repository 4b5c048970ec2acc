"""Random backgrounds, against which a transparent image shows where it has to be opaque."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

PATCHES = 4  # colours along each side of a background, blended into each other


def draw_backgrounds(steps: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the backgrounds of one image, one per step: (step, patch row, patch col, rgb)."""
    return generator.uniform(0, 1, (steps, PATCHES, PATCHES, 3)).astype(np.float32)


def composite_over(images: tf.Tensor, patches: tf.Tensor) -> tf.Tensor:
    """Composite images (image, row, col, rgba) over blended patches (image, patch, patch, rgb)."""
    background = tf.image.resize(patches, images.shape[1:3])
    opacity = images[..., 3:]
    return opacity * images[..., :3] + (1 - opacity) * background


def composite_on_grey(images: npt.NDArray[np.float32], grey: float) -> npt.NDArray[np.float32]:
    """Return images (..., rgb) as they are, or (..., rgba) composited on an even grey, 0 to 1."""
    if images.shape[-1] == 3:
        return images
    opacity = images[..., 3:]
    return opacity * images[..., :3] + (1 - opacity) * np.float32(grey)
