"""What a graph in normal form can be asked: its layers with their shapes, its labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.models import graphs
from blockscope.models.card import InputSpec, Layer, ModelCard
from blockscope.models.network import PRE_RELU, Network

if TYPE_CHECKING:
    from blockscope.config.settings import ModelEntry


def describe(
    definition: graph_pb2.GraphDef, entry: ModelEntry, name: str, labels: list[str]
) -> ModelCard:
    """Return the card of a graph in normal form; runs the network once to see every shape."""
    nodes = {node.name: node for node in definition.node}
    (picture,) = [n.name for n in definition.node if n.op == "Placeholder"]
    unread = graphs.ends(definition)
    added = {n for n in unread if n.endswith(PRE_RELU) and nodes[n].op == "ConcatV2"}
    (logits,) = set(unread) - added
    spec = InputSpec(tensor=picture, size=entry.input.size, range=entry.input.range)
    network = Network(definition, spec, logits)
    grey = np.full((*spec.size, 3), 128, np.uint8)
    downstream = graphs.downstream(nodes, picture)
    floats = [n for n in nodes if n in downstream and n != picture]
    shapes = network.shapes(network.values(grey), floats)
    if len(shapes[logits]) != 2 or shapes[logits][0] != 1:
        raise BadFile(
            f"model '{name}': logits '{logits}' have shape {shapes[logits]}; wanted (image, logit)"
        )
    outputs = shapes[logits][1]
    if len(labels) > outputs:
        raise BadFile(
            f"model '{name}': {len(labels)} labels for {outputs} logits (models catalogue: labels)"
        )
    if entry.skip_labels >= len(labels):
        raise BadFile(
            f"model '{name}': skip_labels {entry.skip_labels} leaves no label of {len(labels)}"
        )
    spatial = {n: shape[1:] for n, shape in shapes.items() if len(shape) == 4}
    layers = [
        Layer(
            name=n,
            op=nodes[n].op,
            shape=(spatial[n][0], spatial[n][1], spatial[n][2]),
            inputs=graphs.nearest_upstream(nodes, n, spatial) + _own_pre_relu(n, added),
            pre_relu_of=n.removesuffix(PRE_RELU) if n in added else None,
        )
        for n in _layers_in_order(nodes, spatial, added)
    ]
    return ModelCard(
        model=name,
        source="",
        source_sha256="",
        input=spec,
        logits=logits,
        outputs=outputs,
        layers=tuple(layers),
        labels=tuple(labels),
        skip_labels=entry.skip_labels,
    )


def _own_pre_relu(name: str, added: set[str]) -> tuple[str, ...]:
    return (name + PRE_RELU,) if name + PRE_RELU in added else ()


def _layers_in_order(nodes: graphs.Nodes, spatial: Collection[str], added: set[str]) -> list[str]:
    """Order layers by computation, each concatenation before the ReLU right before its layer."""
    ordered = []
    for name in nodes:
        if name in spatial and name not in added:
            ordered += [*_own_pre_relu(name, added), name]
    return ordered
