"""The stage "flow": what neuron groups of several layers add to every label through each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from blockscope.attribution.flow import (
    Parts,
    check_passage,
    flow_between,
    flow_to_labels,
    named_flow,
    parts_of,
)
from blockscope.attribution.verification import Floats, mix_of, part_terms, verify
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.stages.attribution.activations import read_activations
from blockscope.stages.attribution.layer_task import LayerTask
from blockscope.stages.attribution.neuron_groups import read_neuron_groups


def write_flow(
    *,
    graph: FilePath,
    card: FilePath,
    image: FilePath,
    activations: Sequence[FilePath],
    groups: Sequence[FilePath],
    layers: Sequence[str],
    override: str,
    output: FilePath,
    memory_mb: int,
) -> None:
    """Write the flow between the neuron groups of layers, and to every label, as HDF5.

    ``activations`` and ``groups`` are those of ``layers``, in their order. See ``named_flow``.
    Raises ``BadFile`` if a layer is not computed from the one before or is not all that this one
    reaches the logits through, if files are of others, or if values are not finite.
    """
    _check_order(ModelCard.read(card), layers)
    first = LayerTask.read(
        graph=graph, card=card, image=image, activations=activations[0], layer=layers[0],
        later=layers[1], override=override,
    )  # fmt: skip
    check_passage(first.network, first.card.model, layers)
    targets = [*layers[1:], first.card.logits]
    tasks = [
        replace(
            first,
            layer=layer,
            target=target,
            activations=read_activations(path, first.origin | {"layer": layer}),
        )
        for layer, target, path in zip(layers, targets, activations, strict=True)
    ]
    found = [read_neuron_groups(path, task) for path, task in zip(groups, tasks, strict=True)]
    counts = [len(one.channels) for one in found]
    if len(set(counts)) > 1:
        raise BadFile(
            f"layers {', '.join(layers)} have {', '.join(map(str, counts))} neuron groups; flow "
            "needs as many of each layer"
        )
    parts = [parts_of(task.activations, one) for task, one in zip(tasks, found, strict=True)]
    ends = [replace(task, target=task.card.logits) for task in tasks]
    indexes = first.card.label_table.indexes
    between = []
    for place, (task, end) in enumerate(zip(tasks[:-1], ends[1:], strict=True)):
        step, onward = task.linear(), end.linear()
        flow = flow_between(step, onward, parts[place], parts[place + 1], indexes, memory_mb)
        task.check_finite("flow", flow)
        _verify(ends[place], parts[place], flow[:-1].sum(1))
        between.append(flow)
    last = ends[-1].linear()
    contribution = flow_to_labels(last, parts[-1], indexes, memory_mb)
    ends[-1].check_finite("contribution of groups", contribution)
    _verify(ends[-1], parts[-1], contribution[:-1])
    dataset = named_flow(
        layers, between, contribution, parts, last.output.numpy()[0], first.card.label_table,
        first.card.head,
    )  # fmt: skip
    facts = ends[-1].record("flow", n=counts[0])
    datasets.write_h5(output, dataset.assign_attrs(facts))


def _check_order(card: ModelCard, layers: Sequence[str]) -> None:
    if len(layers) < 2:
        raise BadFile(
            f"flow leads from one layer to another, found {', '.join(layers) or 'none'}; give two "
            "or more layers (table of runs: flow)"
        )
    for earlier, later in pairwise(layers):
        if not card.is_after(later, earlier):
            raise BadFile(
                f"layer '{later}' is not computed from layer '{earlier}' in model '{card.model}'; "
                "each layer of a flow must come after the one before (table of runs: flow)"
            )


def _verify(end: LayerTask, parts: Parts, contribution: Floats) -> None:
    """Compare what parts of a layer add to labels, (part, label), with TensorFlow's gradient."""
    terms = part_terms(end.gradients(), parts.vectors, end.card.label_table.indexes)
    mixed = contribution @ mix_of(contribution.shape[1])
    verify(f"flow from groups of layer '{end.layer}'", mixed, terms, (0, 1, 2))
