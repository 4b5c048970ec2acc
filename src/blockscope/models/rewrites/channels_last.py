"""Operations with channels first, written with channels last: a processor has no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow import make_ndarray
from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs
from blockscope.models.graph.making import (
    constant,
    copied,
    held,
    transpose,
    with_nodes,
)
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.network import apply_or_name
from blockscope.models.rewrites.dilation import (
    needs_wide_kernel,
    wide_kernel,
    without_dilations,
)

FIRST_OF_LAST = (0, 3, 1, 2)  # the order of axes that makes channels first of channels last
LAST_OF_FIRST = (0, 2, 3, 1)
FIRST = "/_channels_first"  # ending of the name of a tensor as it was in the file
PER_AXIS = ("strides", "ksize", "dilations")
ONE_IN = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Exp",
    "Log", "Sqrt", "Rsqrt", "Square", "Abs", "Neg", "Identity", "Erf", "Snapshot",
})  # fmt: skip
TWO_IN = frozenset({
    "Add", "AddV2", "AddN", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference",
})  # fmt: skip


def with_channels_last(definition: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Return the graph without operations whose channels come first.

    Such an operation and what only treats its values entry by entry keep their names and get
    channels last. Whatever else reads them reads a transposed copy, as it was in the file.

    Raises ``BadFile`` for an operation with channels first that is not known here.
    """
    if not any(attribute(node, "data_format") == "NCHW" for node in definition.node):
        return definition
    return _Rewriting(definition).graph()


class _Rewriting:
    """The nodes made so far, and which tensor of them has channels last for one in the file."""

    def __init__(self, definition: graph_pb2.GraphDef) -> None:
        self.definition = definition
        self.nodes = {node.name: node for node in definition.node}
        self.made: dict[str, node_def_pb2.NodeDef] = {}
        self.last: dict[str, str] = {}  # by the edge in the file

    def graph(self) -> graph_pb2.GraphDef:
        ordered = graphs.toposort(self.nodes, graphs.sinks(self.definition))
        for node in ordered:
            self._add(node)
        kept = graphs.toposort(self.made, map(self._first, graphs.sinks(self.definition)))
        return with_nodes(self.definition, kept)

    def _put(self, *nodes: node_def_pb2.NodeDef) -> None:
        self.made.update({node.name: node for node in nodes})

    def _add(self, node: node_def_pb2.NodeDef) -> None:
        if attribute(node, "data_format") == "NCHW":
            self._operation(node)
        elif node.op == "Transpose" and self._transposed(node):
            return
        elif node.op in ONE_IN and node.input[0] in self.last:
            self._entrywise(node, [self.last[node.input[0]]])
        elif node.op in TWO_IN and any(edge in self.last for edge in node.input):
            operands = [self._operand(edge, node.name) for edge in node.input]
            self._entrywise(node, operands) if all(operands) else self._as_it_was(node)
        elif node.op == "ConcatV2" and all(edge in self.last for edge in node.input[:-1]):
            self._concat(node)
        else:
            self._as_it_was(node)

    def _as_it_was(self, node: node_def_pb2.NodeDef) -> None:
        fresh = copied(node)
        fresh.input[:] = [self._first(edge) for edge in node.input]
        self._put(fresh)

    def _first(self, edge: str) -> str:
        """Return a tensor as it was in the file."""
        return edge + FIRST if edge in self.last and edge + FIRST in self.made else edge

    def _entrywise(self, node: node_def_pb2.NodeDef, operands: Sequence[str]) -> None:
        fresh = copied(node)
        fresh.input[:] = operands
        self._put(fresh)
        self._made_last(node.name)

    def _made_last(self, name: str) -> None:
        """Note a tensor with channels last; beside it stands the one of the file, if read."""
        self.last[name] = name
        self._put(*transpose(name + FIRST, name, FIRST_OF_LAST))

    def _operand(self, edge: str, reader: str) -> str:
        """Return an operand with channels last; empty where that is not known."""
        if edge in self.last:
            return self.last[edge]
        source = self.nodes[graphs.tensor_name(edge)]
        if source.op != "Const":
            return ""
        value = make_ndarray(source.attr["value"].tensor)
        if value.ndim == 0:
            self._put(copied(source))
            return edge
        if value.ndim > 4:
            return ""
        whole = value.reshape((1,) * (4 - value.ndim) + value.shape).transpose(LAST_OF_FIRST)
        name = f"{reader}/{graphs.tensor_name(edge)}/_channels_last"
        self._put(constant(name, whole))
        return name

    def _transposed(self, node: node_def_pb2.NodeDef) -> bool:
        """Take over a transposition between the two orders; tell whether it is one."""
        order = held(node, 1, self.nodes)
        if order is None or len(order) != 4:
            return False
        identity = copied(node)
        identity.op = "Identity"
        del identity.attr["Tperm"]
        if tuple(order) == LAST_OF_FIRST and node.input[0] in self.last:
            identity.input[:] = [self.last[node.input[0]]]
            self._put(identity)
            return True
        if tuple(order) == FIRST_OF_LAST and node.input[0] not in self.last:
            # A layer of the file: whatever reads it must read this node.
            identity.input[:] = [node.input[0]]
            self._put(identity)
            self._made_last(node.name)
            return True
        return False

    def _concat(self, node: node_def_pb2.NodeDef) -> None:
        axis = held(node, len(node.input) - 1, self.nodes)
        if axis is None:
            self._as_it_was(node)
            return
        place = constant(f"{node.name}/_axis_last", np.int32(LAST_OF_FIRST.index(int(axis) % 4)))
        fresh = copied(node)
        fresh.input[:] = [*(self.last[edge] for edge in node.input[:-1]), place.name]
        fresh.attr["Tidx"].type = types_pb2.DT_INT32
        self._put(place, fresh)
        self._made_last(node.name)

    def _operation(self, node: node_def_pb2.NodeDef) -> None:
        """Write an operation that has a data format with channels last."""
        fresh = copied(node)
        image = 2 if node.op == "Conv2DBackpropInput" else 0
        fresh.input[image] = self._turned(node.input[image], node.name)
        if node.op == "Conv2DBackpropInput":
            sizes = held(node, 0, self.nodes)
            if sizes is None:
                raise BadFile(
                    f"transposed convolution '{node.name}' has channels first and a size that "
                    "depends on the image; export the network with channels last"
                )
            fresh.input[0] = f"{node.name}/_sizes_last"
            self._put(constant(fresh.input[0], sizes[list(LAST_OF_FIRST)]))
        _turn_attributes(fresh)
        fresh.input[:] = [
            edge if place == image or edge in self.made else self._first(edge)
            for place, edge in enumerate(fresh.input)
        ]
        self._put(fresh)
        self._made_last(node.name)

    def _turned(self, edge: str, reader: str) -> str:
        """Return a tensor with channels last, transposed here if nothing else has done so."""
        if edge in self.last:
            return self.last[edge]
        name = f"{edge.replace(':', '/_')}/_to_channels_last"
        if name not in self.made:
            self._put(*transpose(name, edge, LAST_OF_FIRST))
        return name


def _turn_attributes(node: node_def_pb2.NodeDef) -> None:
    """Let a node with channels first have them last, its inputs aside."""
    for key in PER_AXIS:
        values = list(node.attr[key].list.i) if key in node.attr else []
        if len(values) == 4:
            node.attr[key].list.i[:] = [values[i] for i in LAST_OF_FIRST]
    pads = list(node.attr["explicit_paddings"].list.i) if "explicit_paddings" in node.attr else []
    if len(pads) == 8:
        node.attr["explicit_paddings"].list.i[:] = [
            pads[2 * i + side] for i in LAST_OF_FIRST for side in (0, 1)
        ]
    node.attr["data_format"].s = b"NHWC"


def apply_in_any_layout(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Compute an operation of the graph as it was: with channels first, by two transpositions.

    Some dilated convolutions no processor computes: the zeros between are put into their kernel.
    """
    if needs_wide_kernel(node):
        kernel = wide_kernel(node, np.asarray(inputs[1]))
        wide = [tf.constant(kernel) if place == 1 else one for place, one in enumerate(inputs)]
        return apply_in_any_layout(without_dilations(node), wide)
    if attribute(node, "data_format") != "NCHW":
        return apply_or_name(node, inputs)
    last, given = copied(node), list(inputs)
    _turn_attributes(last)
    place = 0
    if node.op == "Conv2DBackpropInput":
        given[0], place = tf.gather(given[0], LAST_OF_FIRST), 2
    given[place] = tf.transpose(given[place], LAST_OF_FIRST)
    first, *others = apply_or_name(last, given)
    return [tf.transpose(first, FIRST_OF_LAST), *others]
