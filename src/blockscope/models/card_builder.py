"""Building the card of a graph in normal form: its layers with their shapes, its labels."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models import graphs
from blockscope.models.card import InputSpec, Layer, ModelCard
from blockscope.models.network import PRE_RELU, Network


def build_card(
    definition: graph_pb2.GraphDef,
    name: str,
    *,
    size: tuple[int, int],
    value_range: tuple[float, float],
    labels: Labels,
) -> ModelCard:
    """Return the card of a graph in normal form; runs the network once for the shapes.

    Parameters
    ----------
    definition
        The graph.
    name
        The model's id.
    size
        Rows and columns of its input, in pixels.
    value_range
        Values that black and white are mapped to.
    labels
        Names of its logits.

    Returns
    -------
    card
        The card, without what it says of the source files.

    Raises
    ------
    BadFile
        The logits are not a vector, or the labels do not fit them.
    """
    nodes = {node.name: node for node in definition.node}
    (start,) = [n.name for n in definition.node if n.op == "Placeholder"]
    sinks = graphs.sinks(definition)
    added = {n for n in sinks if n.endswith(PRE_RELU) and nodes[n].op == "ConcatV2"}
    (logits,) = set(sinks) - added
    spec = InputSpec(tensor=start, size=size, range=value_range)
    network = Network(definition, spec, logits)
    grey = np.full((*size, 3), 128, np.uint8)
    downstream = graphs.downstream(nodes, start)
    floats = [n for n in nodes if n in downstream and n != start]
    place = f"for an image of {size[0]} x {size[1]} pixels (models catalogue: input.size)"
    try:
        shapes = network.shapes(network.values(grey), floats)
    except BadFile as error:
        raise BadFile(f"model '{name}', {place}: {error}") from error
    empty = next((n for n in floats if 0 in shapes.get(n, ())), None)
    if empty:
        raise BadFile(f"model '{name}', {place}: '{empty}' has no values, {shapes[empty]}")
    if logits not in shapes:
        raise BadFile(f"model '{name}': logits '{logits}' are not float32")
    if len(shapes[logits]) != 2 or shapes[logits][0] != 1:
        raise BadFile(
            f"model '{name}': logits '{logits}' have shape {shapes[logits]}, expected "
            "(image, logit)"
        )
    outputs = shapes[logits][1]
    if len(labels.names) > outputs:
        raise BadFile(
            f"model '{name}': {len(labels.names)} labels for {outputs} logits (models catalogue: "
            "labels)"
        )
    if not len(labels):
        raise BadFile(
            f"model '{name}': skip_labels {labels.skip} leaves no label of {len(labels.names)}"
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
        labels=tuple(labels.names),
        skip_labels=labels.skip,
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
