"""Every attribution of the first order is compared with TensorFlow's gradient before it is written.

A random mix of what responds (labels, positions, channels) has one gradient, which TensorFlow
computes backwards through the network's own operations. The same mix of the result must give the
same numbers. Cost: one forward and one backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.gradients import Gradients
from blockscope.io.errors import BadFile

Floats = npt.NDArray[np.floating]

TOLERANCE = 1e-3  # of the largest entry; float32 gives 1e-6 to 1e-5, a fault far more
ROUNDING = 1e-5  # of the largest sum of the terms' absolute values
CANCELLED = 3e-6  # of the same: less is no more than rounding leaves of a sum of nothing
SEED = 20180306


def mix_of(*sizes: int) -> Floats:
    """Return weights of what responds, drawn from a normal distribution; always the same."""
    return np.random.default_rng(SEED).normal(size=sizes).astype(np.float32)


def terms_of(gradients: Gradients, score: Callable[[tf.Tensor], tf.Tensor]) -> Floats:
    """Return activation times gradient of a score of the target, (row, col, channel)."""
    return _gradient(gradients, score) * gradients.value


def _gradient(gradients: Gradients, score: Callable[[tf.Tensor], tf.Tensor]) -> Floats:
    _, (gradient,) = gradients.at(gradients.value[None], lambda target: [score(target)])
    return gradient.numpy()[0]


def label_terms(gradients: Gradients, indexes: Sequence[int]) -> Floats:
    """Return the terms of a mix of logits, (row, col, channel)."""
    return label_gradient(gradients, indexes) * gradients.value


def part_terms(gradients: Gradients, parts: Floats, indexes: Sequence[int]) -> Floats:
    """Return the terms of a mix of logits by parts of the layer, (row, col, channel, part).

    ``parts``: (part, row, col, channel).
    """
    terms: Floats = np.moveaxis(parts * label_gradient(gradients, indexes), 0, -1)
    return terms


def label_gradient(gradients: Gradients, indexes: Sequence[int]) -> Floats:
    """Return the gradient of a mix of logits, (row, col, channel)."""
    mix = tf.constant(mix_of(len(indexes)))
    return _gradient(
        gradients, lambda logits: tf.reduce_sum(mix * tf.gather(logits, list(indexes), axis=1), 1)
    )


def channel_terms(gradients: Gradients, channels: int) -> Floats:
    """Return the terms of a mix of a later layer's channels, (row, col, channel)."""
    mix = tf.constant(mix_of(channels))
    return terms_of(gradients, lambda later: tf.reduce_sum(mix * later, [1, 2, 3]))


def position_terms(gradients: Gradients, rows: int, cols: int) -> Floats:
    """Return the terms of a mix of the lengths of a later layer's vectors, (row, col, channel)."""
    mix = tf.constant(mix_of(rows, cols))

    def score(later: tf.Tensor) -> tf.Tensor:
        fixed = tf.stop_gradient(later)
        direction = tf.math.divide_no_nan(fixed, tf.norm(fixed, axis=-1, keepdims=True))
        return tf.reduce_sum(mix * tf.reduce_sum(direction * later, -1), [1, 2])

    return terms_of(gradients, score)


def verify(what: str, found: Floats, terms: Floats, axes: tuple[int, ...]) -> bool:
    """Compare the mix of a result with the sum of its terms; tell whether these cancel.

    Parameters
    ----------
    what
        Names the result, for messages.
    found
        The mix of the result.
    terms
        Activation times gradient, (row, col, channel).
    axes
        The axes of ``terms`` that the result sums over.

    Returns
    -------
    cancels
        Whether the terms add up to zero but for rounding, so that the result says nothing. That
        is so by mathematics where a layer is only read through a normalisation of its vectors.

    Raises
    ------
    BadFile
        The numbers differ.
    """
    wanted, size = terms.sum(axes), np.abs(terms).sum(axes).max(initial=0)
    largest, apart = np.abs(wanted).max(initial=0), np.abs(found - wanted).max(initial=0)
    if not apart <= TOLERANCE * largest + ROUNDING * size:
        raise BadFile(
            f"{what} is not what TensorFlow's own gradient gives: a mix of it differs by up to "
            f"{apart:.3g}, the largest value is {largest:.3g}. Nothing was written. This is a "
            "fault of blockscope; please report it with the network"
        )
    return bool(size > 0 and max(largest, np.abs(found).max(initial=0)) <= CANCELLED * size)
