"""The layers of a SavedModel of Keras 3 by the names that Keras gives them, from its scopes.

The file names no layers, but Keras 3 opens two scopes of a layer's name for each of its calls, and
computes in the second, which TensorFlow numbers: the layer ``conv`` is in ``conv_1``, the layer
``conv_1`` then in ``conv_1_2``. That a file is written so is known by its variables, whose names
hold that of their layer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.models.graph import graphs
from blockscope.models.graph.making import copied, with_nodes

CALL = re.compile(r"^((Stateful)?PartitionedCall(_\d+)?/)+")
NUMBERED = re.compile(r"(.+)_\d+")


def without_calls(definition: graph_pb2.GraphDef) -> tuple[graph_pb2.GraphDef, dict[str, str]]:
    """Return the graph without the names of the calls that its nodes' names begin with.

    Also the new names by the old ones. Nodes keep theirs where two of them would have one name.
    """
    short = {node.name: CALL.sub("", node.name) for node in definition.node}
    counts = Counter(short.values())
    new = {old: name if counts[name] == 1 else old for old, name in short.items()}
    made = []
    for node in definition.node:
        fresh = copied(node, new[node.name])
        fresh.input[:] = [_renamed(edge, new) for edge in node.input]
        made.append(fresh)
    return with_nodes(definition, made), new


def _renamed(edge: str, new: dict[str, str]) -> str:
    name = graphs.tensor_name(edge)
    return edge.replace(name, new.get(name, name), 1)


def layers_of_scopes(
    definition: graph_pb2.GraphDef,
    image: str,
    ends: Collection[str],
    variables: Iterable[str],
) -> dict[str, list[str]]:
    """Return the tensors of the layers by their names.

    Parameters
    ----------
    definition
        The graph, without calls of functions.
    image
        Name of its input.
    ends
        Names of its outputs.
    variables
        The names of its variables, ``conv/kernel``.

    Returns
    -------
    layers
        For each layer the tensors that leave its scopes, one for each call; a layer of which
        several leave one scope is left out. Empty for a file that does not name scopes like this.
    """
    nodes = {node.name: node for node in definition.node}
    moving = graphs.downstream(nodes, image)
    leaving = _leaving([node for node in definition.node if node.name in moving], ends)
    scopes = {scope for name in moving for scope in _scopes(name)}
    owners = {owner for name in variables for owner in name.split("/")[-2:-1]}
    parts = {part for scope in scopes for part in scope.split("/")}
    bases = {found[1] for part in parts if (found := NUMBERED.fullmatch(part))}
    # A layer of variables that opens no scope, as inside of TimeDistributed, is in neither.
    if len(owners & (bases - parts)) <= len(owners & (parts - bases)):
        return {}
    tops = {scope.split("/")[0] for scope in scopes}
    layers: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        path = _path(scope, scopes)
        path = path[1:] if len(tops) == 1 else path
        if path and all(path) and len(leaving.get(scope, ())) == 1:
            layers.setdefault("/".join(path), []).extend(leaving[scope])
    return layers


def _scopes(name: str) -> list[str]:
    """Return the scopes that a node is in, the outer ones first; a call is none."""
    parts = [] if CALL.match(name) else name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _leaving(nodes: Iterable[NodeDef], ends: Collection[str]) -> dict[str, dict[str, None]]:
    """Return, for each scope, the tensors in it that are read outside of it."""
    left: dict[str, dict[str, None]] = {}
    moving = {node.name: node for node in nodes}
    read = [(source, node.name) for node in moving.values() for source in graphs.sources(node)]
    for source, reader in [*read, *((end, "") for end in ends)]:
        if source in moving:
            for scope in _scopes(source):
                if not reader.startswith(f"{scope}/"):
                    left.setdefault(scope, {})[source] = None
    return left


def _path(scope: str, scopes: Collection[str]) -> list[str]:
    """Return the names of the layers that a scope is in; empty ones for what is no layer."""
    inner = [*_scopes(scope), scope]
    return [_layer(one, scopes).rpartition("/")[2] for one in inner]


def _layer(scope: str, scopes: Collection[str]) -> str:
    """Return a scope as Keras names it; nothing where it is not that of a layer.

    A scope without a number is none, nor a numbered one beside it: these are what a layer computes
    with.
    """
    beside = scope
    while beside in scopes:
        found = NUMBERED.fullmatch(beside)
        if found is None:
            return ""
        beside = found[1]
    return scope.rpartition("_")[0]
