"""The stage "channels": attribution of contrasts, and of every label, to a layer's channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from blockscope.attribution.all_labels import label_axis
from blockscope.attribution.channels import named_channels
from blockscope.attribution.contrasts import find_contrasts
from blockscope.attribution.grad_x_activation import attribute_labels_to_channels
from blockscope.attribution.integrated_gradients import ChannelPaths, draw_noise
from blockscope.attribution.verification import label_terms, mix_of
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.rebuilding import told
from blockscope.models.entry import unit_of
from blockscope.stages.attribution.layer_task import LayerFiles, LayerTask


def write_channels(
    *,
    layer: str,
    override: str,
    contrasts: Sequence[str],
    methods: Sequence[str],
    seed: int,
    tolerance: float,
    output: FilePath,
    memory_mb: int,
    **files: Unpack[LayerFiles],
) -> None:
    """Write attributions to a layer's channels as HDF5.

    ``attribution`` (pair, method, channel) for the contrasts, written as in the table of runs;
    ``label_attribution`` (label, channel): gradient x activation of every label's logit. Where that
    is zero by mathematics, zeros are written, for the method ``linear`` too. Raises ``UnknownName``
    for a label that does not exist, ``BadFile`` if values are not finite.
    """
    task = LayerTask.read(**files, layer=layer, override=override)
    linear, labels = task.linear(), task.card.label_table
    logits = linear.output.numpy()[0]
    found = find_contrasts(contrasts, logits, labels, task.card.head)
    paths = ChannelPaths(task.gradients(), found, memory_mb, progress=True)
    noise = draw_noise(seed, task.activations.shape[-1])
    by_label = attribute_labels_to_channels(linear, labels.indexes, memory_mb, progress=True)
    mixed, terms = mix_of(len(labels)) @ by_label, label_terms(paths.gradients, labels.indexes)
    by_label, zero = task.verified(by_label, mixed, terms, (0, 1), "label_attribution")
    dataset = named_channels(
        paths, methods, noise, tolerance, labels, task.card.head, cancels=bool(zero)
    )
    unit = unit_of(task.card.head)
    note = {"long_name": f"linear attribution of every label's {unit}", "units": unit}
    dataset["label_attribution"] = (("label", "channel"), datasets.as_float32(by_label), note)
    dataset = dataset.assign_coords(label_axis(logits, labels, task.card.head))
    for name in ("attribution", "label_attribution"):
        task.check_finite(name, dataset[name].to_numpy())
    settings = told(
        task.facts,
        channels={"seed": seed, "completeness_tolerance": tolerance},
        runs=task.rows(contrasts, methods),
    )
    facts = task.record("channels", seed=seed, tolerance=tolerance, **settings, **zero)
    datasets.write_h5(output, dataset.assign_attrs(facts))
