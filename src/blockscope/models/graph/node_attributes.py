"""Reading a node's attributes.

Indexing a protobuf map creates missing keys, so that a look at ``node.attr["dilations"]`` would
change the graph; all reading of attributes goes through ``attribute``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry

ONE_SIZE = "_one_size"
"""Of nodes of ours that are right for one size of the image alone."""


def attribute(node: node_def_pb2.NodeDef, name: str) -> Any:
    """Return an attribute as a Python value: int, float, bool, str, a list of these, or a dtype.

    The operation's default where the node leaves the attribute out; None where there is no default,
    or no attribute of this name. Never changes the node.
    """
    if name in node.attr:
        return to_python(node.attr[name])
    value = _defaults(node.op).get(name)
    return None if value is None else to_python(value)


@cache
def _defaults(op: str) -> dict[str, attr_value_pb2.AttrValue]:
    definition = op_def_registry.get(op)
    attributes = [] if definition is None else definition.attr
    return {a.name: a.default_value for a in attributes if a.HasField("default_value")}


def to_python(value: attr_value_pb2.AttrValue) -> Any:
    """Return what an attribute holds; an empty list where it is a list of nothing."""
    kind = value.WhichOneof("value")
    if kind == "s":
        return _text(value.s)
    if kind == "type":
        return tf.as_dtype(value.type)
    if kind == "shape":
        return tf.TensorShape(value.shape)
    if kind == "list":
        items = value.list
        for field in ("i", "f", "b", "type"):
            if getattr(items, field):
                return list(getattr(items, field))
        return [_text(item) for item in items.s]
    return getattr(value, kind)


def _text(value: bytes) -> str:
    """Return text; of a damaged file it may be none, and is no valid value then."""
    return value.decode(errors="backslashreplace")
