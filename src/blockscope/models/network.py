"""A network in normal form, ready to be run from the picture or from any tensor inside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from blockscope.errors import BadFile
from blockscope.models import graphs
from blockscope.models.card import Card, InputSpec


class Network:
    """A frozen graph with its input and logits.

    ``definition`` holds plain operations only (see ``blockscope.models.normal``).
    """

    def __init__(self, definition: graph_pb2.GraphDef, spec: InputSpec, logits: str) -> None:
        """Hold a graph; nothing is computed yet."""
        self.spec = spec
        self.logits = logits
        self.definition = definition
        self.nodes = {node.name: node for node in definition.node}

    @classmethod
    def load(cls, graph_path: str | os.PathLike[str], card: Card) -> Network:
        """Read ``graph.pb``; raises ``BadFile`` where it is not the file that the card describes."""
        definition = graph_pb2.GraphDef()
        try:
            definition.ParseFromString(Path(graph_path).read_bytes())
        except Exception as error:
            raise BadFile(f"graph '{graph_path}' cannot be read: {error}") from error
        return cls(definition, card.input, card.logits)

    def values(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map a picture, uint8 (row, col, rgb), to network input, float32 (1, row, col, rgb)."""
        low, high = self.spec.range
        scaled = low + (high - low) * (picture.astype(np.float32) / np.float32(255))
        return scaled.astype(np.float32)[None]

    def run(
        self, feeds: Mapping[str, npt.ArrayLike | tf.Tensor], fetches: Sequence[str]
    ) -> dict[str, tf.Tensor]:
        """Compute tensors, with others held at given values.

        ``feeds`` name tensors (the input, or any inside, which then cuts off what lies before it).
        Only what ``fetches`` need is computed, once.
        """
        held = {name: tf.convert_to_tensor(value) for name, value in feeds.items()}
        part = self._part(fetches, held)

        @tf.function(autograph=False)
        def compute(given: dict[str, tf.Tensor]) -> list[tf.Tensor]:
            returned = tf.graph_util.import_graph_def(
                part,
                input_map={f"{name}:0": value for name, value in given.items()},
                return_elements=[f"{name}:0" for name in fetches],
                name="network",
            )
            return list(returned)

        inside = {node.name for node in part.node}
        given = {name: value for name, value in held.items() if name in inside}
        return dict(zip(fetches, compute(given), strict=True))

    def _part(
        self, fetches: Sequence[str], held: Mapping[str, tf.Tensor]
    ) -> graph_pb2.GraphDef:
        """Return the nodes between held tensors and fetches, each held one as a placeholder."""
        part = graph_pb2.GraphDef(versions=self.definition.versions)
        for node in graphs.in_order(self.nodes, fetches, stop=held):
            if node.name in held:
                placeholder = part.node.add(name=node.name, op="Placeholder")
                placeholder.attr["dtype"].type = held[node.name].dtype.as_datatype_enum
            else:
                part.node.append(node)
        return part

    def shapes(
        self, values: npt.NDArray[np.float32], names: Sequence[str]
    ) -> dict[str, tuple[int, ...]]:
        """Return the shape of every float tensor among ``names`` for a given input."""
        results = self.run({self.spec.tensor: values}, names)
        return {n: tuple(t.shape) for n, t in results.items() if t.dtype == tf.float32}
