"""Building the card of a graph in normal form: its layers with their shapes, its labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.card import Layer, ModelCard
from blockscope.models.ends.grey_image import check_finite, place_of, tensors_for_grey
from blockscope.models.ends.head_values import check_head
from blockscope.models.entry import Head
from blockscope.models.graph import graphs
from blockscope.models.layers.layer_views import ORIGINAL, is_view, viewed
from blockscope.models.network import PRE_RELU, Network
from blockscope.models.preparation import Prepared

LEAST_ACTIVATION = -1e38  # what is below it stands for padding before a max pooling


def build_card(
    prepared: Prepared,
    name: str,
    *,
    labels: Labels,
    head: Head | None = None,
    head_in_file: bool = False,
) -> ModelCard:
    """Return the card of a graph in normal form; runs the network once for the shapes.

    Parameters
    ----------
    prepared
        The graph and its layers.
    name
        The model's id.
    labels
        Names of its logits.
    head
        What follows the logits; None where that is not known: a softmax, if there are two or more.
    head_in_file
        Whether the file holds this head, so that its logits are certain.

    Returns
    -------
    card
        The card, without what it says of the source files.

    Raises
    ------
    BadFile
        The logits are not a vector, not finite for a grey image or not those of the head, or the
        labels do not fit them.
    """
    try:
        return _card(prepared, name, labels, head, head_in_file)
    except BadFile as error:  # a tensor that has a view is known by the name that it had
        raise BadFile(str(error).replace(ORIGINAL, "")) from error


def _card(
    prepared: Prepared, name: str, labels: Labels, head: Head | None, head_in_file: bool
) -> ModelCard:
    definition, spec, logits = prepared.definition, prepared.spec, prepared.logits
    nodes = {node.name: node for node in definition.node}
    network = Network(definition, spec, logits)
    tensors = tensors_for_grey(network, name)
    shapes = {n: tuple(tensor.shape) for n, tensor in tensors.items()}
    empty = next((n for n, shape in shapes.items() if 0 in shape), None)
    if empty:
        raise BadFile(f"model '{name}', {place_of(spec)}: '{empty}' has no values, {shapes[empty]}")
    if logits not in shapes:
        raise BadFile(f"model '{name}': logits '{logits}' are not float32")
    if len(shapes[logits]) != 2 or shapes[logits][0] != 1:
        if head == "softmax" and sum(size > 1 for size in shapes[logits][1:]) > 1:
            raise BadFile(
                f"model '{name}': logits '{logits}' have the shape {shapes[logits]}, and each of "
                "several groups of labels, or positions, has a softmax of its own; valid: (image, "
                "logit) with one over all labels (models catalogue: logits)"
            )
        raise BadFile(
            f"model '{name}': logits '{logits}' have the shape {shapes[logits]}; valid: (image, "
            "logit), a number for each label; give another tensor (models catalogue: logits)"
        )
    check_finite(network, name, tensors)
    outputs = shapes[logits][1]
    try:
        assumed, head = head is None, check_head(network, head, in_file=head_in_file)
    except BadFile as error:
        raise BadFile(f"model '{name}': {error}") from error
    _check_labels(name, labels, outputs)
    if not len(labels):
        raise BadFile(
            f"model '{name}': skip_labels {labels.skip} leaves no label of {len(labels.names)}"
        )
    maps = {
        n: shapes[n]
        for n in nodes
        if n in prepared.maps and n in shapes and _is_activation(tensors[n])
    }
    layers = [
        Layer(
            name=n,
            op=_operation(n, nodes),
            shape=maps[n][1:],
            inputs=_inputs(n, nodes, maps),
            pre_relu_of=n.removesuffix(PRE_RELU) if _is_pre_relu(n, nodes) else None,
        )
        for n in _layers_in_order(nodes, maps)
    ]
    return ModelCard(
        model=name,
        source="",
        source_sha256="",
        input=spec,
        logits=logits,
        head=head,
        head_assumed=assumed,
        outputs=outputs,
        layers=tuple(layers),
        several=_several(prepared, maps),
        labels=tuple(labels.names),
        skip_labels=labels.skip,
    )


def _is_activation(tensor: tf.Tensor) -> bool:
    """Tell whether the values of a tensor can be attributed: those of padding cannot."""
    values = np.asarray(tensor)
    return bool(np.isfinite(values).all() and values.min() >= LEAST_ACTIVATION)


def _several(prepared: Prepared, maps: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the layers of names of which a network's own framework has several."""
    found = {n: tuple(t for t in ts if t in maps) for n, ts in prepared.several.items()}
    return {name: layers for name, layers in found.items() if layers}


def _check_labels(name: str, labels: Labels, outputs: int) -> None:
    """Refuse a list of labels that may be shifted against the logits.

    A list that leaves out leading logits (a background) names every label by its neighbour. Only
    one that has entries for these (``skip_labels``) may be shorter than the logits: the last ones
    then have no label, as those of the article's network.
    """
    listed, skip = len(labels.names), labels.skip
    if listed == outputs or (skip and listed < outputs and listed + skip != outputs):
        return
    numbers = f"{counted(listed, 'label')} for {counted(outputs, 'logit')}, skip_labels {skip}"
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


def _is_pre_relu(name: str, nodes: graphs.Nodes) -> bool:
    """Tell whether a layer is one that was added: a concatenation before the ReLU."""
    after = nodes.get(name.removesuffix(PRE_RELU))
    return name.endswith(PRE_RELU) and after is not None and nodes[name].op == "ConcatV2"


def _operation(name: str, nodes: graphs.Nodes) -> str:
    """Return the operation that computes a layer, or the tensor that it is a view of."""
    return nodes[viewed(nodes[name])].op if is_view(nodes[name]) else nodes[name].op


def _inputs(name: str, nodes: graphs.Nodes, maps: Mapping[str, object]) -> tuple[str, ...]:
    """Return the layers that a layer is computed from directly."""
    shown: dict[str, list[str]] = {}  # the layers by the tensor that they show
    for layer in maps:
        shown.setdefault(viewed(nodes[layer]) if is_view(nodes[layer]) else layer, []).append(layer)
    start = viewed(nodes[name]) if is_view(nodes[name]) else name
    found = graphs.nearest_upstream(nodes, start, shown)
    before = [layer for tensor in found for layer in shown[tensor]]
    own = name + PRE_RELU
    return (*before, own) if own in maps and _is_pre_relu(own, nodes) else tuple(before)


def _layers_in_order(nodes: graphs.Nodes, maps: Collection[str]) -> list[str]:
    """Order layers by computation, each concatenation before the ReLU right before its layer."""
    place = {name: number for number, name in enumerate(nodes)}
    shown = {n: viewed(nodes[n]) if is_view(nodes[n]) else n for n in maps}
    ordered = []
    for name in sorted(maps, key=lambda layer: place[shown[layer]]):
        if not _is_pre_relu(name, nodes):
            own = name + PRE_RELU
            ordered += [own] * (own in maps and _is_pre_relu(own, nodes)) + [name]
    return ordered
