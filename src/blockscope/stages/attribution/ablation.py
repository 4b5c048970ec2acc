"""The stage "ablation": what logits really lose without parts of a layer."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from blockscope.attribution.ablation import (
    MOST_GROUPS,
    Losses,
    baseline_of,
    exact_losses,
    group_sets,
    linear_losses,
    loss_of_all,
    losses_by_one,
    named_ablation,
    single_channels,
    single_groups,
    single_positions,
)
from blockscope.attribution.baselines import Baseline
from blockscope.autodiff.exact_changes import ExactChanges
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.rebuilding import told
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask
from blockscope.stages.attribution.neuron_groups import read_neuron_groups


def write_ablation(
    *,
    layer: str,
    baseline: Baseline,
    groups: FilePath,
    output: FilePath,
    memory_mb: int,
    **files: Unpack[LayerFiles],
) -> None:
    """Write what each logit loses without a position, a channel, a neuron group of a layer.

    And without every set of groups, where there are at most ``MOST_GROUPS``.

    ``groups``: the layer's neuron groups at this image. As HDF5, see ``named_ablation``. Raises
    ``BadFile`` if the groups are of another layer or image, if values are not finite, or if one
    position alone, which is its own mean, is to be set to that.
    """
    task = LayerTask.read(**files, layer=layer, override="none")
    labels, value = task.card.label_table, task.activations
    linear, gradients = task.linear(), task.gradients()
    found = read_neuron_groups(groups, task)
    parts = {
        "positions": single_positions(value, baseline),
        "channels": single_channels(value, baseline),
        "groups": single_groups(found, baseline),
    }
    compute = partial(
        exact_losses, ExactChanges(gradients), indexes=labels.indexes, memory_mb=memory_mb
    )
    sets = None
    if parts["groups"].count <= MOST_GROUPS:
        together, members = group_sets(found, baseline)
        sets = (compute(together, progress=True), members)
        task.check_finite("loss without sets of groups", sets[0])
    losses = {}
    for kind, part in parts.items():
        known = sets if kind == "groups" else None
        exact = losses_by_one(*known) if known else compute(part, progress=True)
        first_order = linear_losses(linear, part, labels.indexes, memory_mb, progress=True)
        losses[kind] = Losses(exact, first_order)
        task.check_finite(f"loss without {kind}", exact)
        task.check_finite(f"linear loss without {kind}", first_order)
    whole = loss_of_all(gradients, baseline_of(value, baseline), labels.indexes)
    task.check_finite("loss without the layer", whole)
    logits = linear.output.numpy()[0]
    dataset = named_ablation(losses, whole, value, logits, labels, task.card.head, sets)
    count = parts["groups"].count
    settings = told(task.facts, ablation={"baseline": baseline}, neuron_groups={"count": count})
    facts = task.record("ablation", baseline=baseline, n=count, **settings)
    datasets.write_h5(output, dataset.assign_attrs(facts))
