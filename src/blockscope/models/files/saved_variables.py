"""Variables that a signature reads, but that the SavedModel's own operation does not restore.

``tf.saved_model.save`` of a Keras 3 model writes each variable twice: one that is restored, one
that the signature reads. Whose values the second has, the file's graph of objects tells, by which
TensorFlow's own loader goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf import meta_graph_pb2, saved_object_graph_pb2
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from blockscope.io.errors import BadFile
from blockscope.models.rewrites.calls import CALLS

HANDLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"  # key of the checkpoint's own graph of objects


def values_of_others(
    computing: Mapping[str, NodeDef],
    restored: Collection[str],
    meta: meta_graph_pb2.MetaGraphDef,
    variables: Path,
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the values of the variables that no operation restores, by the names of their nodes.

    Parameters
    ----------
    computing
        What computes the outputs.
    restored
        The nodes that the restore operation reads.
    meta
        The graph with its objects.
    variables
        Path of the checkpoint, without ending.

    Returns
    -------
    values
        Empty where every variable is restored.

    Raises
    ------
    BadFile
        The folder does not tell the value of one.
    """
    others = [n for n in computing.values() if n.op in HANDLES and n.name not in restored]
    if not others:
        return {}
    objects = meta.object_graph_def
    captured = _captured(computing, objects)
    reader = keys = None
    if variables.with_suffix(".index").is_file():
        reader = tf.train.load_checkpoint(str(variables))
        keys = _keys(objects, reader) if reader.has_tensor(OBJECTS) else {}
    values = {}
    for node in others:
        key = (keys or {}).get(captured.get(node.name, -1))
        if reader is None or key is None or not reader.has_tensor(key):
            raise BadFile(
                f"the signature reads the variable '{node.name}', of which no value is stored in "
                f"'{variables.parent}'; save the Keras model as a .keras file or by "
                "model.export(folder)"
            )
        values[node.name] = reader.get_tensor(key)
    return values


def _captured(
    computing: Mapping[str, NodeDef], objects: saved_object_graph_pb2.SavedObjectGraph
) -> dict[str, int]:
    """Return the numbers of the objects that calls read as variables, by the variables' nodes."""
    found: dict[str, int] = {}
    for node in computing.values():
        name = node.attr["f"].func.name if node.op in CALLS else ""
        if name in objects.concrete_functions:
            bound = list(objects.concrete_functions[name].bound_inputs)
            edges = [edge for edge in node.input if not edge.startswith("^")]
            if bound and len(bound) <= len(edges):
                found |= dict(zip(edges[-len(bound) :], bound, strict=True))
    return found


def _keys(
    objects: saved_object_graph_pb2.SavedObjectGraph, reader: tf.train.CheckpointReader
) -> dict[int, str]:
    """Return the keys of variables in the checkpoint by the numbers of the objects.

    The two graphs are walked side by side from their roots, by the names of the objects' parts.
    """
    held = TrackableObjectGraph.FromString(reader.get_tensor(OBJECTS))
    keys: dict[int, str] = {}
    seen, stack = set(), [(0, 0)]
    while stack:
        place, other = stack.pop()
        if place in seen or not (place < len(objects.nodes) and other < len(held.nodes)):
            continue
        seen.add(place)
        for attribute in held.nodes[other].attributes:
            if attribute.name == "VARIABLE_VALUE":
                keys[place] = attribute.checkpoint_key
        parts = {child.local_name: child.node_id for child in held.nodes[other].children}
        stack += [
            (child.node_id, parts[child.local_name])
            for child in objects.nodes[place].children
            if child.local_name in parts
        ]
    return keys
