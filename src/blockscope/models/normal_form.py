"""The normal form of a model: one frozen graph from the picture to the logits, and its card."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tensorflow.core.framework import graph_pb2, node_def_pb2, types_pb2

from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write, sha256_of
from blockscope.io.downloads import fetch
from blockscope.io.errors import BadFile, unknown_name
from blockscope.io.labels import read_labels
from blockscope.models import graphs
from blockscope.models.allowed_operations import check_ops
from blockscope.models.description import describe
from blockscope.models.device import software_facts
from blockscope.models.formats import Graph, read_graph
from blockscope.models.network import PRE_RELU
from blockscope.models.operations import enter_defaults

if TYPE_CHECKING:
    from blockscope.config.settings import ModelEntry, Source

RECTIFIERS = frozenset({"Relu", "Relu6"})


def write_model(
    entry: ModelEntry,
    name: str,
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    downloads: str | os.PathLike[str],
) -> None:
    """Bring a catalogue entry into normal form: ``graph.pb`` and ``model.json``.

    ``downloads`` is the folder for files that the entry gives by address. Raises ``BadFile`` or
    ``UnknownName`` for whatever is wrong with the model, and then leaves neither file changed.
    """
    source, source_sha256 = _locate(entry.graph, downloads)
    definition = normalise(read_graph(source, entry.input.size), entry, name)
    labels_path, _ = _locate(entry.labels, downloads)
    card = describe(definition, entry, name, read_labels(labels_path))
    content = definition.SerializeToString(deterministic=True)
    card = card.model_copy(
        update={
            "source": entry.graph.url or entry.graph.path or "",
            "source_sha256": source_sha256,
            "entry": entry.digest,
            "graph_sha256": hashlib.sha256(content).hexdigest(),
            "provenance": provenance.record(
                "model", software_facts(), model=name, model_sha256=source_sha256
            ),
        }
    )
    with atomic_write(graph_path) as temporary:
        temporary.write_bytes(content)
    card.write(card_path)


def _locate(source: Source, downloads: str | os.PathLike[str]) -> tuple[Path, str]:
    """Return the local path and SHA-256 of a file given by path or by address."""
    if source.url and source.sha256:
        path = fetch(source.url, source.sha256, downloads, source.member)
        return path, sha256_of(path)
    path = Path(source.path or "")
    if not path.exists():
        raise BadFile(f"file '{path}' does not exist (models catalogue)")
    found = sha256_of(path)
    if source.sha256 and found != source.sha256.lower():
        raise BadFile(
            f"'{path}' has the wrong checksum: expected sha256 {source.sha256.lower()}, "
            f"found {found}"
        )
    return path, found


def normalise(graph: Graph, entry: ModelEntry, name: str) -> graph_pb2.GraphDef:
    """Return the part of a graph between the picture and the logits, in plain operations.

    The input becomes a placeholder (image, row, col, channel) of any size. What the logits do not
    need is dropped, with devices, control edges and custom gradients. Attributes that a file leaves
    out because they have their default value are there. The legacy ``Concat`` becomes
    ``ConcatV2``. For each concatenation of rectified branches ``{layer}_pre_relu`` is
    added: the same concatenation before the ReLU.
    """
    nodes = {node.name: node for node in graph.definition.node}
    picture = entry.input.tensor or graph.input
    if picture is None:
        found = [n.name for n in graph.definition.node if n.op == "Placeholder"]
        raise BadFile(f"model '{name}': give input.tensor; placeholders found: {found}")
    for kind, asked in (("input tensor", picture), ("logits tensor", entry.logits)):
        if asked is not None and asked not in nodes:
            raise unknown_name(f"{kind} of model '{name}'", asked, nodes, "models catalogue")
    logits = entry.logits or _before_softmax(nodes, graph.output, name)
    kept = _needed(nodes, picture, logits, name)
    check_ops([(node.name, node.op) for node in kept], name)
    definition = graph_pb2.GraphDef(versions=graph.definition.versions)
    for node in kept:
        definition.node.append(_placeholder(node) if node.name == picture else _plain(node, name))
    _bypass_identity_n(definition)
    definition.node.extend(_pre_relu_concats(definition))
    return definition


def _bypass_identity_n(definition: graph_pb2.GraphDef) -> None:
    """Read past IdentityN, which Keras wraps around functions with a gradient of their own."""
    behind = {
        f"{node.name}:{i}": source
        for node in definition.node
        if node.op == "IdentityN"
        for i, source in enumerate(node.input)
        if i > 0
    }
    for node in definition.node:
        sources = [behind.get(edge, edge) for edge in node.input]
        if node.op == "IdentityN":
            node.op = "Identity"
            kind = node.attr["T"].list.type[0]
            node.attr["T"].type = kind
            del sources[1:]
        del node.input[:]
        node.input.extend(sources)


def _before_softmax(nodes: dict[str, node_def_pb2.NodeDef], output: str | None, name: str) -> str:
    """Return the tensor that enters the last softmax, or the output where there is none."""
    if output is None:
        softmaxes = [n for n in nodes.values() if n.op == "Softmax"]
        if len(softmaxes) != 1:
            found = [n.name for n in softmaxes]
            raise BadFile(f"model '{name}': give logits; softmax operations found: {found}")
        return graphs.tensor_name(softmaxes[0].input[0])
    node = nodes[output]
    while node.op == "Identity":
        node = nodes[graphs.tensor_name(node.input[0])]
    return graphs.tensor_name(node.input[0]) if node.op == "Softmax" else node.name


def _needed(
    nodes: dict[str, node_def_pb2.NodeDef], picture: str, logits: str, name: str
) -> list[node_def_pb2.NodeDef]:
    """Return what the logits need, in the order of computation, from the picture on."""
    ordered = graphs.in_order(nodes, [logits], stop={picture})
    if picture not in {node.name for node in ordered}:
        raise BadFile(
            f"model '{name}': the logits '{logits}' are not computed from the input '{picture}' "
            "(models catalogue: input.tensor, logits)"
        )
    return ordered


def _placeholder(node: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
    kinds = {node.attr[key].type for key in ("dtype", "T") if key in node.attr}
    if kinds and types_pb2.DT_FLOAT not in kinds:
        held = ", ".join(types_pb2.DataType.Name(kind) for kind in kinds)
        raise BadFile(f"input tensor '{node.name}' holds {held}; only float32 input is supported")
    fresh = node_def_pb2.NodeDef(name=node.name, op="Placeholder")
    fresh.attr["dtype"].type = types_pb2.DT_FLOAT
    for size in (-1, -1, -1, 3):
        fresh.attr["shape"].shape.dim.add(size=size)
    return fresh


def _plain(node: node_def_pb2.NodeDef, name: str) -> node_def_pb2.NodeDef:
    plain = node_def_pb2.NodeDef()
    plain.CopyFrom(node)
    enter_defaults(plain)
    if node.op.startswith("FusedBatchNorm") and plain.attr["is_training"].b:
        raise BadFile(
            f"model '{name}': batch norm '{node.name}' is in training mode; export for inference"
        )
    plain.device = ""
    del plain.input[:]
    plain.input.extend(i for i in node.input if not i.startswith("^"))
    for key in [key for key in plain.attr if key.startswith("_")]:
        del plain.attr[key]  # custom gradients, colocation: bound to the process that wrote them
    if plain.op == "Concat":
        plain.op = "ConcatV2"
        axis, *values = plain.input
        del plain.input[:]
        plain.input.extend([*values, axis])
        plain.attr["Tidx"].type = types_pb2.DT_INT32
    return plain


def _pre_relu_concats(definition: graph_pb2.GraphDef) -> list[node_def_pb2.NodeDef]:
    nodes = {node.name: node for node in definition.node}
    added = []
    for node in definition.node:
        branches = [nodes[graphs.tensor_name(i)] for i in node.input[:-1]]
        ops = {branch.op for branch in branches}
        wanted = node.op == "ConcatV2" and len(ops) == 1 and ops <= RECTIFIERS
        if wanted and node.name + PRE_RELU not in nodes:
            concat = node_def_pb2.NodeDef()
            concat.CopyFrom(node)
            concat.name = node.name + PRE_RELU
            del concat.input[:]
            concat.input.extend([*(branch.input[0] for branch in branches), node.input[-1]])
            added.append(concat)
    return added
