"""The layers of a Keras model by the names that Keras gives them, noted while it is traced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

Noted = dict[str, list[tf.Tensor]]


@contextmanager
def noted_layers() -> Iterator[Noted]:
    """Note the tensors that layers return, by their names, while a model is called in a graph.

    The name of a layer inside another one begins with that one's: ``backbone/conv1``. The model
    itself is none. A layer that returns what it is given, such as dropout, has no tensor of its own
    and is not noted.
    """
    import keras  # costs seconds, and only Keras files need it

    graph = tf.compat.v1.get_default_graph()
    noted: Noted = {}
    within: list[str] = []
    call = keras.Layer.__call__

    def noting(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        within.append(layer.name)
        try:
            found = call(layer, *args, **kwargs)
        finally:
            name = "/".join(within[1:])
            within.pop()
        # Keras calls layers elsewhere too, to know the shapes of what they return.
        here = isinstance(found, tf.Tensor) and getattr(found, "graph", None) is graph
        given = keras.tree.flatten((args, kwargs))
        if name and here and not any(found is one for one in given):
            noted.setdefault(name, []).append(found)
        return found

    keras.Layer.__call__ = noting
    try:
        yield noted
    finally:
        keras.Layer.__call__ = call
