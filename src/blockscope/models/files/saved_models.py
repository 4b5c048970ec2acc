"""Reading a SavedModel: the part that one signature needs, with its variables as constants.

Only that part and what restores the variables is looked at, checked and loaded. Nothing else that
the folder holds ever reaches TensorFlow: no initialisation, no training, no saving.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_from_session_graph,
)

from blockscope.io.errors import BadFile, first_line, unknown_name
from blockscope.models.ends.image_and_logits import copy_of
from blockscope.models.entry import ModelEntry
from blockscope.models.files.saved_variables import values_of_others
from blockscope.models.files.scope_names import layers_of_scopes, without_calls
from blockscope.models.graph import graphs
from blockscope.models.graph.allowed_operations import ALLOWED, check_ops
from blockscope.models.graph.making import CHOICES, with_nodes
from blockscope.models.graph.raw_graph import Graph, choose_image, choose_output
from blockscope.models.graph.training_mode import check_computes
from blockscope.models.layers.layer_names import with_short_names
from blockscope.models.rewrites.branches import SWITCHES
from blockscope.models.rewrites.calls import inline_calls
from blockscope.models.rewrites.draws import DRAW

# What holds variables, calls functions, chooses between them and checks what is chosen; freezing
# and the normal form remove all of it.
HOLDING = frozenset({
    "VarHandleOp", "ReadVariableOp", "VariableV2", "Variable", "PartitionedCall",
    "StatefulPartitionedCall", *CHOICES, *SWITCHES, "Assert",
})  # fmt: skip
RESTORING = frozenset({
    "RestoreV2", "Assign", "AssignVariableOp", "DisableCopyOnRead", "ShardedFilename", "StringJoin",
    "StaticRegexFullMatch",
})  # fmt: skip
SERVED = "serving_default"
Signatures = Mapping[str, meta_graph_pb2.SignatureDef]


def read_saved_model(source: Path, entry: ModelEntry) -> Graph:
    """Read the graph of a signature; raises ``BadFile`` for what is none or does more than compute.

    Also ``UnknownName`` for a signature or output that it does not have.
    """
    meta, name = _choose(_description(source), entry.signature, source)
    signature = meta.signature_def[name]
    words = f"signature '{name}' of SavedModel '{source}'"
    inputs = {key: graphs.tensor_name(info.name) for key, info in signature.inputs.items()}
    outputs = {key: info.name for key, info in sorted(signature.outputs.items())}
    place = choose_output(list(outputs), entry.output, words)
    if place is None and entry.logits is None:
        raise BadFile(
            f"{words} has {len(outputs)} outputs: {', '.join(outputs)}; choose one by output "
            "(models catalogue)"
        )
    chosen = [*outputs.values()] if place is None else [[*outputs.values()][place]]
    shapes = {
        key: None if info.tensor_shape.unknown_rank else [d.size for d in info.tensor_shape.dim]
        for key, info in signature.inputs.items()
    }
    wanted = {node: key for key, node in inputs.items()}.get(entry.input.tensor or "")
    image = choose_image(shapes, wanted or entry.input.tensor, words)
    nodes = {node.name: node for node in meta.graph_def.node}
    computing = _upstream(nodes, chosen, source)
    restore = meta.saver_def.restore_op_name
    restoring = _upstream(nodes, [restore] if restore else [], source)
    part = _part(computing, restoring, meta, source)
    variables = source / "variables" / "variables"
    try:
        restored = restoring if variables.with_suffix(".index").is_file() else {}
        others = values_of_others(computing, restored, meta, variables)
        frozen = _freeze(part, meta, chosen, variables, others)
    except BadFile:
        raise
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(f"{words} cannot be loaded: {first_line(error)}") from error
    definition, renamed = without_calls(frozen[0])
    ends = [renamed[end] for end in frozen[1]]
    names = [n.name for n in computing.values() if n.op == "VarHandleOp"]
    layers = layers_of_scopes(definition, inputs[image], ends, names)
    return Graph(
        definition, inputs[image], None if place is None else ends[0], inputs,
        layers=with_short_names(layers),
    )  # fmt: skip


def _description(source: Path) -> saved_model_pb2.SavedModel:
    description = source / "saved_model.pb"
    if not description.is_file():
        raise BadFile(f"folder '{source}' is not a SavedModel: it has no file saved_model.pb")
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(description.read_bytes())
    except DecodeError as error:
        raise BadFile(f"'{description}' is not a SavedModel: {error}") from error
    return saved


def _choose(
    saved: saved_model_pb2.SavedModel, wanted: str | None, source: Path
) -> tuple[meta_graph_pb2.MetaGraphDef, str]:
    """Return the graph and the signature to use: those tagged ``serve`` before others."""
    metas = sorted(saved.meta_graphs, key=_rank)
    found: dict[str, meta_graph_pb2.MetaGraphDef] = {}
    for meta in metas:
        for name, signature in meta.signature_def.items():
            if signature.inputs and signature.outputs:
                found.setdefault(name, meta)
    if wanted is not None:
        if wanted not in found:
            owner, where = f"SavedModel '{source}'", "models catalogue: signature"
            raise unknown_name("signature", wanted, found, where, owner)
        return found[wanted], wanted
    if SERVED in found:
        return found[SERVED], SERVED
    if len(found) != 1:
        listed = ", ".join(sorted(found)) or "none"
        raise BadFile(
            f"SavedModel '{source}' has no signature '{SERVED}'; found: {listed}"
            + ("; choose one by signature (models catalogue)" if found else "")
        )
    ((name, meta),) = found.items()
    return meta, name


def _rank(meta: meta_graph_pb2.MetaGraphDef) -> tuple[bool, int]:
    tags = meta.meta_info_def.tags
    return "serve" not in tags, len(tags)


def _part(
    computing: Mapping[str, NodeDef],
    restoring: Mapping[str, NodeDef],
    meta: meta_graph_pb2.MetaGraphDef,
    source: Path,
) -> graph_pb2.GraphDef:
    """Return what computes the outputs and what restores the variables, after checking both."""
    functions = {f.signature.name: f for f in meta.graph_def.library.function}
    part = graph_pb2.GraphDef(versions=meta.graph_def.versions)
    called: set[str] = set()
    for kept, allowed in ((computing, HOLDING), (restoring, HOLDING | RESTORING)):
        names = _called(kept.values(), functions)
        running = [*kept.values(), *(n for name in names for n in functions[name].node_def)]
        running = [
            node for node in running if node.op != DRAW
        ]  # seen to with the values that are fed
        if kept is computing:
            check_computes(running, str(source))
        check_ops([(n.name, n.op) for n in running if n.op not in ALLOWED | allowed], str(source))
        called |= names
    for node in {**computing, **restoring}.values():
        copy = part.node.add()
        copy.CopyFrom(node)
        copy.device = ""
        copy.attr.pop("_class", None)  # a place beside a node that may be left out
        reading = f"{node.name}/Read/ReadVariableOp"  # by this name freezing finds a variable
        if node.op == "VarHandleOp" and reading not in computing and reading not in restoring:
            added = part.node.add(name=reading, op="ReadVariableOp", input=[node.name])
            added.attr["dtype"].CopyFrom(node.attr["dtype"])
    part.library.function.extend(functions[name] for name in sorted(called))
    return part


def _upstream(nodes: graphs.Nodes, ends: Iterable[str], source: Path) -> dict[str, NodeDef]:
    """Return what ends need, control edges included."""
    found: dict[str, NodeDef] = {}
    stack = [graphs.tensor_name(end) for end in ends]
    while stack:
        name = stack.pop()
        if name not in nodes:
            raise BadFile(f"SavedModel '{source}' names '{name}', which its graph does not have")
        if name not in found:
            found[name] = nodes[name]
            stack += map(graphs.tensor_name, nodes[name].input)
    return found


def _called(nodes: Iterable[NodeDef], functions: Mapping[str, graph_pb2.GraphDef]) -> set[str]:
    """Return the names of the functions that nodes call, and that these call."""
    stack, called = list(nodes), set()
    while stack:
        for value in stack.pop().attr.values():
            for function in (value.func, *value.list.func):
                if function.name in functions and function.name not in called:
                    called.add(function.name)
                    stack += functions[function.name].node_def
    return called


def _freeze(
    part: graph_pb2.GraphDef,
    meta: meta_graph_pb2.MetaGraphDef,
    outputs: list[str],
    variables: Path,
    others: Mapping[str, npt.NDArray[np.generic]],
) -> tuple[graph_pb2.GraphDef, list[str]]:
    """Return a graph without variables and calls, and the nodes of the outputs in it.

    ``others``: values of variables that the restore operation leaves out.
    """
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(part, name="")
        saver = meta.saver_def
        if saver.restore_op_name and variables.with_suffix(".index").is_file():
            session.run(saver.restore_op_name, {saver.filename_tensor_name: str(variables)})
        for name, value in others.items():
            handle = graph.get_tensor_by_name(f"{name}:0")
            session.run(tf.raw_ops.AssignVariableOp(resource=handle, value=value))
        ends = [graphs.tensor_name(output) for output in outputs]
        held = convert_variables_to_constants_from_session_graph(
            session, graph.as_graph_def(), ends
        )
    for number, output in enumerate(outputs):
        held.node.add(name=f"_output_{number}", op="Identity", input=[output])
    inlined = inline_calls(held)
    nodes = {node.name: node for node in inlined.node}
    found = [_node_of(nodes.pop(f"_output_{number}"), nodes) for number in range(len(outputs))]
    return with_nodes(inlined, list(nodes.values())), found


def _node_of(node: NodeDef, nodes: dict[str, NodeDef]) -> str:
    """Return the node that computes an output; a call that was inlined only passes it on.

    One that is not the first output of its operation is given a node.
    """
    number = 0
    while node.op in ("Identity", "IdentityN"):
        edge = node.input[number]
        node, number = nodes[graphs.tensor_name(edge)], graphs.output_number(edge)
    if number:
        node = copy_of(edge, nodes)
        nodes[node.name] = node
    return node.name
