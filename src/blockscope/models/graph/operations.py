"""Running single operations of a frozen graph on given values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2, op_def_pb2
from tensorflow.python.framework import op_def_registry

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.graph.node_attributes import attribute, to_python

Operation = Callable[[node_def_pb2.NodeDef, Sequence[tf.Tensor]], list[tf.Tensor]]

# Arguments that the Python interface and the definition of an operation name differently.
RENAMED = {
    "reduction_indices": "axis",
    "dim": "axis",
    "split_dim": "axis",
    "squeeze_dims": "axis",
    ("Select", "t"): "x",
    ("Select", "e"): "y",
    ("Where", "input"): "condition",
}


def apply(node: node_def_pb2.NodeDef, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Compute a node's operation on ``inputs`` (in the node's order) and return all its outputs."""
    names, lists, attributes = _signature(node.op)
    rest = list(inputs)
    arguments: dict[str, Any] = {}
    for name, counted_by in zip(names, lists, strict=True):
        counter = node.attr[counted_by] if counted_by else None
        count = 1 if counter is None else counter.i or len(counter.list.type)
        values, rest = rest[:count], rest[count:]
        arguments[_argument(node.op, name)] = values if counted_by else values[0]
    for name in attributes:
        if name in node.attr:
            arguments[_argument(node.op, name)] = to_python(node.attr[name])
    result = getattr(tf.raw_ops, node.op)(**arguments)
    if node.op == "DepthwiseConv2dNative" and attribute(node, "padding") == "EXPLICIT":
        # TensorFlow 2.21 with oneDNN loses such padding where it joins other operations in a traced
        # function. None are joined with this one in between.
        result = tf.ensure_shape(result, result.shape)
    return list(result) if isinstance(result, list | tuple) else [result]


def enter_defaults(node: node_def_pb2.NodeDef) -> None:
    """Add the attributes that a node leaves out, with their default values.

    Graphs may be written without attributes that have their default value; a reader of such an
    attribute would find zero instead.
    """
    for known in op_def_registry.get(node.op).attr:
        if known.HasField("default_value") and known.name not in node.attr:
            node.attr[known.name].CopyFrom(known.default_value)


def check_edges(node: node_def_pb2.NodeDef, nodes: Mapping[str, node_def_pb2.NodeDef]) -> None:
    """Raise ``BadFile`` for a node of too few or many inputs, or that reads what is no output.

    ``nodes`` are those of the graph, all of known operations, with the attributes entered that have
    a default value.
    """
    definition = op_def_registry.get(node.op)
    needed = sum(output_count(node, argument) for argument in definition.input_arg)
    edges = [edge for edge in node.input if not edge.startswith("^")]
    if len(edges) != needed:
        inputs = counted(len(edges), "input")
        raise BadFile(f"node '{node.name}' ({node.op}) has {inputs}; valid: {needed}")
    for edge in edges:
        name, _, number = edge.partition(":")
        source = nodes[name]
        outputs = op_def_registry.get(source.op).output_arg
        count = sum(output_count(source, argument) for argument in outputs)
        if number and not (number.isascii() and number.isdecimal() and len(number) < 6):
            raise BadFile(
                f"node '{node.name}' reads '{edge}'; an output is a number, as in '{name}:1'"
            )
        if int(number or 0) >= count:
            raise BadFile(
                f"node '{node.name}' reads output {int(number or 0)} of '{name}' ({source.op}), "
                f"which has {count}, counted from 0"
            )


def output_count(node: node_def_pb2.NodeDef, argument: op_def_pb2.OpDef.ArgDef) -> int:
    """Return how many tensors an input or output of an operation stands for."""
    if argument.number_attr:
        return int(attribute(node, argument.number_attr) or 0)
    if argument.type_list_attr:
        return (
            len(node.attr[argument.type_list_attr].list.type)
            if argument.type_list_attr in node.attr
            else 0
        )
    return 1


@cache
def _signature(op: str) -> tuple[list[str], list[str], list[str]]:
    """Return input names, what counts each list input ("" for none), other attributes."""
    definition = op_def_registry.get(op)
    inferred = set()
    for argument in definition.input_arg:
        inferred |= {argument.type_attr, argument.number_attr, argument.type_list_attr}
    return (
        [argument.name for argument in definition.input_arg],
        [argument.number_attr or argument.type_list_attr for argument in definition.input_arg],
        [attribute.name for attribute in definition.attr if attribute.name not in inferred],
    )


def _argument(op: str, name: str) -> str:
    return RENAMED.get((op, name)) or RENAMED.get(name, name)
