"""Seeds of a Keras model that are drawn while it is traced, and not kept.

Layers that augment images advance their seeds even where they change nothing, as outside of
training, and a graph that changes a variable cannot be frozen. What depends on a seed here depends
on a draw, for which the network is refused where the logits need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

MOST = 2**31 - 1


@contextmanager
def drawn_seeds() -> Iterator[None]:
    """Let the seeds of Keras be random numbers of the graph."""
    import keras  # costs seconds, and only Keras files need it

    following = keras.random.SeedGenerator.next

    def drawn(seed: keras.random.SeedGenerator, *_args: Any, **_kwargs: Any) -> tf.Tensor:
        number = tf.random.uniform(seed.state.shape, maxval=MOST, dtype=tf.int32)
        return tf.cast(number, seed.state.dtype)

    keras.random.SeedGenerator.next = drawn
    try:
        yield
    finally:
        keras.random.SeedGenerator.next = following
