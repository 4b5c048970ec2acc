"""Building the card of a graph in normal form: its layers with their shapes, its labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf
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
    hidden: Collection[str] = (),
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
    hidden
        Tensors that are no layers.

    Returns
    -------
    card
        The card, without what it says of the source files.

    Raises
    ------
    BadFile
        The logits are not a vector or not finite for a grey image, or the labels do not fit them.
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
        tensors = network.float_tensors(network.values(grey), floats)
    except BadFile as error:
        raise BadFile(f"model '{name}', {place}: {error}") from error
    shapes = {n: tuple(tensor.shape) for n, tensor in tensors.items()}
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
    _check_finite(name, logits, nodes, tensors)
    outputs = shapes[logits][1]
    if outputs == 1:
        raise BadFile(
            f"model '{name}': there is one logit, '{logits}', whose softmax is always 1; valid: "
            "two or more (models catalogue: logits)"
        )
    _check_labels(name, labels, outputs)
    if not len(labels):
        raise BadFile(
            f"model '{name}': skip_labels {labels.skip} leaves no label of {len(labels.names)}"
        )
    spatial = {n: shape[1:] for n, shape in shapes.items() if len(shape) == 4 and n not in hidden}
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


def _check_finite(
    name: str, logits: str, nodes: graphs.Nodes, tensors: Mapping[str, tf.Tensor]
) -> None:
    """Refuse a network with sick weights before anything is computed from it.

    Max pooling hides a NaN (TensorFlow 2.21 on a processor: the other values' maximum, or the
    lowest float), so its inputs are checked too. Infinity inside is no fault: masks use it.
    """
    wrong = {n: np.count_nonzero(~np.isfinite(t.numpy())) for n, t in tensors.items()}
    pooled = [graphs.tensor_name(n.input[0]) for n in nodes.values() if n.op.startswith("MaxPool")]
    hidden = [n for n in pooled if n in tensors and np.isnan(tensors[n].numpy()).any()]
    if hidden and not wrong[logits]:
        raise BadFile(
            f"model '{name}': for a grey image tensor '{hidden[0]}' has NaN, which the max pooling "
            "after it hides; check the weights and the input's range (models catalogue: input)"
        )
    if wrong[logits]:
        first = next(n.name for n in graphs.toposort(nodes, [logits]) if wrong.get(n.name))
        raise BadFile(
            f"model '{name}': for a grey image {wrong[logits]} of {tensors[logits].shape[1]} "
            f"logits are not finite; the first such values are in tensor '{first}' "
            f"({wrong[first]} of {int(tf.size(tensors[first]))}); check the weights and "
            "the input's range (models catalogue: input)"
        )


def _check_labels(name: str, labels: Labels, outputs: int) -> None:
    """Refuse a list of labels that may be shifted against the logits.

    A list that leaves out leading logits (a background) names every label by its neighbour. Only
    one that has entries for these (``skip_labels``) may be shorter than the logits: the last ones
    then have no label, as those of the article's network.
    """
    listed, skip = len(labels.names), labels.skip
    if listed == outputs or (skip and listed < outputs and listed + skip != outputs):
        return
    numbers = f"{listed} labels for {outputs} logits, skip_labels {skip}"
    if listed + skip == outputs:
        mend = (
            f"the list seems to begin behind the {skip} to skip, but skip_labels counts entries of "
            f"the list: put {skip} before its first one"
        )
    elif listed < outputs:
        missing = outputs - listed
        mend = (
            f"if the first {missing} of the logits are no label (a background), put {missing} "
            f"before the first entry and set skip_labels: {missing}; if the last {missing} are, "
            "give them entries too"
        )
    else:
        mend = (
            f"the list must have one entry per logit; if its first {listed - outputs} are of a "
            "background that this network does not have, take them out"
        )
    raise BadFile(
        f"model '{name}': {numbers}, so that names may be shifted; {mend} (models catalogue: "
        "labels, skip_labels)"
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
