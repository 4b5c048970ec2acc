"""The stage "neuron_groups": neuron groups of a layer, and their effect on every label."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from blockscope.attribution.factors import SEED
from blockscope.attribution.group_effects import attribute_groups, named_groups
from blockscope.attribution.neuron_groups import NeuronGroups, group_neurons
from blockscope.attribution.verification import mix_of, part_terms
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.provenance import check_origin
from blockscope.io.rebuilding import told
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask


def write_neuron_groups(
    *, layer: str, n: int, output: FilePath, memory_mb: int, **files: Unpack[LayerFiles]
) -> None:
    """Write a layer's neuron groups as HDF5, with their effects on every label's logit.

    Always with the exact gradient. Raises ``BadFile`` if ``n`` exceeds what the layer allows, or
    if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer, override="none")
    card, linear = task.card, task.linear()
    try:
        groups = group_neurons(task.activations, n)
    except BadFile as error:
        raise BadFile(f"layer '{layer}' of model '{card.model}': {error}") from error
    effect = attribute_groups(linear, groups, card.label_table.indexes, memory_mb, progress=True)
    task.check_finite("effect of groups", effect)
    numbers = np.arange(len(groups.channels))
    terms = part_terms(task.gradients(), groups.vectors(numbers), card.label_table.indexes)
    mixed = effect @ mix_of(effect.shape[1])
    effect, zero = task.verified(effect, mixed, terms, (0, 1, 2), "effect of groups")
    logits = linear.output.numpy()[0]
    dataset = named_groups(groups, effect, logits, card.label_table, card.head)
    facts = task.record(
        "neuron_groups",
        n=n,
        **told(task.facts, neuron_groups={"count": n}),
        relative_error=groups.relative_error,
        clipped=groups.clipped,
        seed=SEED,
        **zero,
    )
    datasets.write_h5(output, dataset.assign_attrs(facts))


def read_neuron_groups(path: FilePath, task: LayerTask) -> NeuronGroups:
    """Read neuron groups; raises ``BadFile`` where they are not of the task's layer and image."""
    found = datasets.read(path)
    check_origin(found.attrs, path, task.origin)
    return NeuronGroups(
        found["spatial"].transpose("row", "col", "factor").to_numpy(),
        found["channels"].transpose("factor", "channel").to_numpy(),
        float(found.attrs["relative_error"]),
        float(found.attrs["clipped"]),
    )
