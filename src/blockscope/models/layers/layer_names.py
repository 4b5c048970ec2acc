"""The tensors of layers by the names that the network's own framework gives these.

A name has several tensors where a layer is called several times, or where layers inside of others
have one name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.errors import BadFile
from blockscope.models.graph import graphs


def with_short_names(layers: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return layers by their names, and those inside others by their last part too.

    A short name of several layers stands for the tensors of all, as that of one called twice.
    """
    named = {name: tuple(dict.fromkeys(tensors)) for name, tensors in layers.items()}
    short: dict[str, dict[str, None]] = {}
    for name, tensors in named.items():
        last = name.rpartition("/")[2]
        if last not in named:
            short.setdefault(last, {}).update(dict.fromkeys(tensors))
    return named | {name: tuple(tensors) for name, tensors in short.items()}


def tensor_of(asked: str, layers: Mapping[str, Sequence[str]], nodes: graphs.Nodes) -> str:
    """Return the tensor that is asked for as logits, maybe by the name of its layer.

    Raises ``BadFile`` for a layer of several tensors.
    """
    tensors = [asked] if asked in nodes else layers.get(asked, [asked])
    if len(tensors) > 1:
        raise BadFile(
            f"'{asked}' is the name of {len(tensors)} tensors: {', '.join(tensors)}; give one of "
            "them (models catalogue: logits)"
        )
    node = nodes.get(tensors[0])
    while node is not None and asked not in nodes and _passes_on(node):
        node = nodes[graphs.tensor_name(node.input[0])]
    return asked if node is None else node.name


def needed_layers(
    layers: Mapping[str, Sequence[str]], nodes: graphs.Nodes, needed: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return those tensors of layers that the logits need.

    What a function returns is an Identity, which no one reads but the caller.
    """
    found: dict[str, tuple[str, ...]] = {}
    for layer, tensors in layers.items():
        kept: dict[str, None] = {}
        for tensor in tensors:
            node = nodes[tensor]
            while node.name not in needed and _passes_on(node):
                node = nodes[graphs.tensor_name(node.input[0])]
            if node.name in needed:
                kept[node.name] = None
        if kept:
            found[layer] = tuple(kept)
    return found


def _passes_on(node: NodeDef) -> bool:
    return node.op == "Identity" and graphs.output_number(node.input[0]) == 0
