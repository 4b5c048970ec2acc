"""Random backgrounds, against which a picture shows where it has to be opaque."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

LIGHT = 220 / 255  # grey under what is transparent in a finished sprite, as in the article
PATCHES = 4  # colours along each side of a background, blended into each other


def draw_backgrounds(steps: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw the backgrounds of one picture, one per step: float32 (step, patch, patch, rgb)."""
    return generator.uniform(0, 1, (steps, PATCHES, PATCHES, 3)).astype(np.float32)


def before(pictures: tf.Tensor, patches: tf.Tensor) -> tf.Tensor:
    """Show pictures (image, row, col, rgba) before blended patches (image, patch, patch, rgb)."""
    behind = tf.image.resize(patches, pictures.shape[1:3])
    opacity = pictures[..., 3:]
    return opacity * pictures[..., :3] + (1 - opacity) * behind


def flattened(pictures: npt.NDArray[np.float32], grey: float) -> npt.NDArray[np.float32]:
    """Return pictures (..., rgb) as they are, or (..., rgba) on an even ``grey``, 0 to 1."""
    if pictures.shape[-1] == 3:
        return pictures
    opacity = pictures[..., 3:]
    return opacity * pictures[..., :3] + (1 - opacity) * np.float32(grey)
