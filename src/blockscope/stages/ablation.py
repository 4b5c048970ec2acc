"""The stage "ablation": what logits really lose without parts of a layer."""

from __future__ import annotations

from typing import Unpack

from blockscope.attribution.ablation import (
    Baseline,
    ablate,
    baseline_of,
    named_ablation,
    single_channels,
    single_groups,
    single_positions,
)
from blockscope.attribution.neuron_groups import NeuronGroups
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.stages.layer_task import LayerFiles, LayerTask


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

    ``groups``: the layer's neuron groups at this image. As HDF5, see ``named_ablation``. Raises
    ``BadFile`` if the groups are of another layer or image, or if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer, override="none")
    labels, value = task.card.label_table, task.activations
    linear, gradients = task.linear(), task.gradients()
    parts = {
        "positions": single_positions(value, baseline),
        "channels": single_channels(value, baseline),
        "groups": single_groups(_groups(groups, task), baseline),
    }
    whole = baseline_of(value, baseline)
    losses = {
        kind: ablate(gradients, linear, part, whole, labels.indexes, memory_mb, progress=True)
        for kind, part in parts.items()
    }
    for kind, found in losses.items():
        task.check_finite(f"loss without {kind}", found.exact)
        task.check_finite(f"linear loss without {kind}", found.linear)
    logits = linear.output.numpy()[0]
    dataset = named_ablation(losses, value, logits, labels, task.card.head)
    facts = task.record("ablation", baseline=baseline, n=parts["groups"].count)
    datasets.write_h5(output, dataset.assign_attrs(facts))


def _groups(path: FilePath, task: LayerTask) -> NeuronGroups:
    """Read the neuron groups, which must be those of the task's layer and image."""
    found = datasets.read(path)
    wanted_of = {"model": task.card.model, "image": task.facts["image"], "layer": task.layer}
    for key, wanted in wanted_of.items():
        if found.attrs.get(key) != wanted:
            raise BadFile(
                f"neuron groups '{path}' are of {key} '{found.attrs.get(key)}', expected '{wanted}'"
            )
    return NeuronGroups(
        found["spatial"].transpose("row", "col", "factor").to_numpy(),
        found["channels"].transpose("factor", "channel").to_numpy(),
        float(found.attrs["relative_error"]),
        float(found.attrs["clipped"]),
    )
