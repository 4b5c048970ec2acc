"""What a SavedModel may do while it is loaded and frozen, checked before TensorFlow sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from blockscope.io.errors import BadFile
from blockscope.models import graphs
from blockscope.models.allowed_operations import ALLOWED, check_ops

# What a SavedModel needs to hold, save and restore its variables; freezing removes all of it.
SAVED_MODEL_OPS = frozenset({
    "VarHandleOp", "ReadVariableOp", "AssignVariableOp", "VarIsInitializedOp", "PartitionedCall",
    "StatefulPartitionedCall", "RestoreV2", "SaveV2", "MergeV2Checkpoints", "ShardedFilename",
    "StringJoin", "DisableCopyOnRead", "StaticRegexFullMatch",
})  # fmt: skip
WRITING = frozenset({"SaveV2", "MergeV2Checkpoints"})
INIT_OPS = ("saved_model_main_op", "legacy_init_op")


def check_saved_model(description: Path) -> None:
    """Refuse forbidden operations, and those that write files in what loading or computing runs.

    Every SavedModel holds operations that save its variables. They are allowed only where nothing
    else reaches them, so that they never run. Raises ``BadFile``.
    """
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(description.read_bytes())
    except DecodeError as error:
        raise BadFile(f"'{description}' is not a SavedModel: {error}") from error
    known = ALLOWED | SAVED_MODEL_OPS
    for meta in saved.meta_graphs:
        functions = {f.signature.name: f.node_def for f in meta.graph_def.library.function}
        nodes = [*meta.graph_def.node, *(node for body in functions.values() for node in body)]
        check_ops([(n.name, n.op) for n in nodes if n.op not in known], str(description.parent))
        running = [(n.name, n.op) for n in _running(meta, functions)]
        check_ops([pair for pair in running if pair[1] in WRITING], str(description.parent))


Functions = dict[str, Iterable[node_def_pb2.NodeDef]]


def _running(
    meta: meta_graph_pb2.MetaGraphDef, functions: Functions
) -> Iterator[node_def_pb2.NodeDef]:
    """Yield the nodes that loading or computing may run, with those of the functions they call."""
    nodes = {node.name: node for node in meta.graph_def.node}
    starts = [meta.saver_def.restore_op_name]
    starts += [out.name for s in meta.signature_def.values() for out in s.outputs.values()]
    for key in INIT_OPS:
        starts += meta.collection_def[key].node_list.value if key in meta.collection_def else []
    yield from _with_calls(_upstream(nodes, starts), functions)
    loaded = meta.object_graph_def.concrete_functions
    yield from _with_calls((n for name in loaded for n in functions.get(name, ())), functions)


def _upstream(nodes: graphs.Nodes, starts: Iterable[str]) -> Iterator[node_def_pb2.NodeDef]:
    stack, seen = [graphs.tensor_name(start) for start in starts], set()
    while stack:
        name = stack.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            yield nodes[name]
            stack += map(graphs.tensor_name, nodes[name].input)


def _with_calls(
    nodes: Iterable[node_def_pb2.NodeDef], functions: Functions
) -> Iterator[node_def_pb2.NodeDef]:
    stack, called = list(nodes), set()
    while stack:
        node = stack.pop()
        yield node
        for value in node.attr.values():
            for function in (value.func, *value.list.func):
                if function.name in functions and function.name not in called:
                    called.add(function.name)
                    stack += functions[function.name]
