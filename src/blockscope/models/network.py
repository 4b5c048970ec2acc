"""A network in normal form, to be run from the image or from any tensor inside."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2

from blockscope.io.errors import BadFile, first_line
from blockscope.models.card import InputSpec, ModelCard
from blockscope.models.graph import graphs
from blockscope.models.graph.operations import Operation, apply
from blockscope.models.graph.window_check import with_window_check
from blockscope.models.layers.layer_views import is_view, read_through

PRE_RELU = "_pre_relu"  # ending of the name of a layer before its ReLU


class Network:
    """A frozen graph with its input and logits.

    ``definition`` is in normal form (see ``blockscope.models.normal_form``).
    """

    def __init__(self, definition: graph_pb2.GraphDef, spec: InputSpec, logits: str) -> None:
        """Keep a graph; nothing is computed yet."""
        self.spec = spec
        self.logits = logits
        self.definition = definition
        self.nodes = {node.name: node for node in definition.node}
        # What was compiled for a layer, a target and an override, to serve all images of a job.
        self.programs: dict[tuple[Hashable, ...], dict[str, Any]] = {}
        self._constants: dict[str, tf.Tensor] = {}  # those of no graph, which serve everywhere
        self._of_graphs: WeakKeyDictionary[tf.Graph, dict[str, tf.Tensor]] = WeakKeyDictionary()

    @classmethod
    def load(cls, graph_path: str | os.PathLike[str], card: ModelCard) -> Network:
        """Read ``graph.pb``; raises ``BadFile`` where it is missing or not the one of its card."""
        definition = graph_pb2.GraphDef()
        try:
            content = Path(graph_path).read_bytes()
        except OSError as error:
            raise BadFile(f"graph '{graph_path}' cannot be read: {error}") from error
        found = hashlib.sha256(content).hexdigest()
        if card.graph_sha256 and found != card.graph_sha256:
            raise BadFile(
                f"graph '{graph_path}' is not the one of its card: expected sha256 "
                f"{card.graph_sha256}, found {found}; delete the file, and the network is brought "
                "into normal form again"
            )
        try:
            definition.ParseFromString(content)
        except Exception as error:
            raise BadFile(f"graph '{graph_path}' cannot be read: {error}") from error
        return cls(definition, card.input, card.logits)

    def values(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Map an image, uint8 (row, col, rgb), to network input, float32 (1, row, col, channel)."""
        shares = image.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(self.spec.feed(shares[None]), np.float32)

    def grey_input(self, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return the network input of a grey image of ``size`` = (row, col)."""
        return np.asarray(self.spec.feed(np.full((1, *size, 3), 0.5, np.float32)), np.float32)

    def run(
        self,
        feeds: Mapping[str, npt.ArrayLike | tf.Tensor],
        fetches: Sequence[str],
        nodes: Mapping[str, node_def_pb2.NodeDef] | None = None,
        operation: Operation = apply,
    ) -> dict[str, tf.Tensor]:
        """Compute tensors from given values of others.

        Parameters
        ----------
        feeds
            Values of the input, or of any tensors inside, whose own inputs are then not used.
        fetches
            Tensors to compute, ``a`` or ``a:1``. Only what they need is computed, once.
        nodes
            Nodes instead of the graph's own.
        operation
            Computes the outputs of a node from its inputs; may override gradients.

        Returns
        -------
        tensors
            The tensors by their names in ``fetches``.
        """
        if self.spec.one_by_one and (count := _images(feeds)) != 1:
            return self._one_by_one(count, feeds, fetches, nodes, operation)
        nodes = nodes or self.nodes
        computed = {name: [tf.convert_to_tensor(value)] for name, value in feeds.items()}
        names = [graphs.tensor_name(name) for name in fetches]
        ordered = [n for n in graphs.toposort(nodes, names, stop=feeds) if n.name not in feeds]
        readers = Counter(names)
        for node in ordered:
            readers.update(graphs.sources(node))
        for node in ordered:
            if node.op == "Const":
                computed[node.name] = [self._constant(node)]
                continue
            computed[node.name] = operation(node, [_output(computed, edge) for edge in node.input])
            readers.subtract(graphs.sources(node))
            for source in graphs.sources(node):
                if readers[source] == 0:
                    computed.pop(
                        source, None
                    )  # early layers of a large image would fill the memory
        return {name: _output(computed, name) for name in fetches}

    def _one_by_one(
        self,
        count: int,
        feeds: Mapping[str, npt.ArrayLike | tf.Tensor],
        fetches: Sequence[str],
        nodes: Mapping[str, node_def_pb2.NodeDef] | None,
        operation: Operation,
    ) -> dict[str, tf.Tensor]:
        """Compute tensors of a graph that takes no batch, for each image of one."""
        values = {name: tf.convert_to_tensor(value) for name, value in feeds.items()}
        found = [
            self.run({k: v[i : i + 1] for k, v in values.items()}, fetches, nodes, operation)
            for i in range(count)
        ]
        return {name: tf.concat([one[name] for one in found], 0) for name in fetches}

    def named_run(
        self, feeds: Mapping[str, npt.ArrayLike | tf.Tensor], fetches: Sequence[str]
    ) -> dict[str, tf.Tensor]:
        """Compute like ``run``; raises ``BadFile`` with the node that cannot be computed."""
        return self.run(feeds, fetches, operation=apply_or_name)

    def _constant(self, node: node_def_pb2.NodeDef) -> tf.Tensor:
        if node.name in self._constants:
            return self._constants[node.name]
        made = self._constants
        if not tf.executing_eagerly():
            # What a traced function makes belongs to its graph, and is of no use outside of it.
            made = self._of_graphs.setdefault(tf.compat.v1.get_default_graph(), {})
        if node.name not in made:
            made[node.name] = tf.constant(tf.make_ndarray(node.attr["value"].tensor))
        return made[node.name]

    def joined_at(
        self, layer: str, nodes: graphs.Nodes | None = None
    ) -> dict[str, node_def_pb2.NodeDef]:
        """Return the nodes, changed so that the logits are computed from ``layer``.

        ``nodes``: those changed for another layer, in place of the graph's own.

        Views need that (see ``blockscope.models.layers.layer_views``), and a concatenation before
        the ReLU: what follows reads the ReLU of each branch. One ReLU after the concatenation gives
        the same values.
        """
        nodes = dict(nodes or self.nodes)
        if layer in nodes and is_view(nodes[layer]):
            return read_through(nodes, layer)
        after = nodes.get(layer.removesuffix(PRE_RELU))
        if layer.endswith(PRE_RELU) and after is not None and not _is_read(layer, nodes):
            branch = nodes[graphs.tensor_name(after.input[0])]
            joined = node_def_pb2.NodeDef(name=after.name, op=branch.op, input=[layer])
            for key, value in branch.attr.items():
                joined.attr[key].CopyFrom(value)
            nodes[after.name] = joined
        return nodes


def _is_read(name: str, nodes: graphs.Nodes) -> bool:
    return any(name in graphs.sources(node) for node in nodes.values())


def _images(feeds: Mapping[str, npt.ArrayLike | tf.Tensor]) -> int:
    """Return how many images the given values are of."""
    return next((int(tf.convert_to_tensor(value).shape[0]) for value in feeds.values()), 1)


def _output(computed: Mapping[str, list[tf.Tensor]], edge: str) -> tf.Tensor:
    name, _, number = edge.partition(":")
    return computed[name][int(number or 0)]


_apply_checked = with_window_check(apply)


def apply_or_name(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Compute a node's operation like ``apply``; say which one it was where that fails."""
    try:
        return _apply_checked(node, inputs)
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(
            f"node '{node.name}' ({node.op}) cannot be computed: {first_line(error)}"
        ) from error
