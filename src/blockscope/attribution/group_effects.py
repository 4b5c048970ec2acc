"""The stage "neurons": groups of neurons of a layer, and what each does to every label."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.factors import SEED
from blockscope.attribution.labels import label_axis
from blockscope.attribution.layer_task import LayerTask
from blockscope.attribution.neuron_groups import NeuronGroups, group_neurons
from blockscope.autodiff.batches import in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels

TRUE_GRADIENT = "none"


def attribute_groups(
    linear: LinearMap,
    groups: NeuronGroups,
    indexes: Sequence[int],
    memory_mb: int = 2048,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return the effect of each neuron group on logits, (factor, label), in logits.

    Entry (factor, label) is ``sum of group vector * d logit / d activation`` over rows, columns and
    channels, where the group vector is the outer product of the group's positions and channels:
    signed, the first-order effect of taking the group away. The effects of all groups and of what
    they leave unexplained add up to the total of activation times gradient.

    ``linear`` leads from the layer to the logits; ``indexes`` are logit positions. The cost is one
    tangent per group in forward mode, for all logits. ``memory_mb`` bounds the batches and changes
    nothing else. Source: Olah et al. 2018, notebook on neuron groups.
    """
    numbers = np.arange(len(groups.channels))
    batches = in_batches(numbers, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="groups", unit="batch", disable=not progress)
    tangents = (tf.constant(groups.vectors(batch), linear.value.dtype) for batch in bar)
    return np.concatenate([tf.gather(linear.jvp(t), indexes, axis=1).numpy() for t in tangents])


def named_groups(
    groups: NeuronGroups,
    effect: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32],
    labels: Labels,
) -> xr.Dataset:
    """Name the axes of neuron groups and of their effects on all labels."""
    length = {"long_name": "length of the group's vector", "units": "1"}
    by_label = {"long_name": "group vector times gradient of the logit, summed", "units": "logit"}
    return xr.Dataset(
        {
            "spatial": (("row", "col", "factor"), datasets.as_float32(groups.spatial)),
            "channels": (("factor", "channel"), datasets.as_float32(groups.channels)),
            "magnitude": ("factor", datasets.as_float32(groups.magnitude), length),
            "effect": (("factor", "label"), datasets.as_float32(effect), by_label),
        },
        coords=label_axis(logits, labels),
    )


def write_neurons(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer: str,
    n: int,
    output: str | os.PathLike[str],
    memory_mb: int,
) -> None:
    """Write a layer's neuron groups as HDF5, with their effects on every label's logit.

    Raises ``BadFile`` where ``n`` exceeds what the layer allows or values are not finite.
    """
    opened = LayerTask.read(
        graph_path, card_path, input_path, activations_path, layer, TRUE_GRADIENT
    )
    card = opened.card
    try:
        groups = group_neurons(opened.held, n)
    except BadFile as error:
        raise BadFile(f"layer '{layer}' of model '{card.model}': {error}") from error
    linear = opened.linear()
    effect = attribute_groups(linear, groups, card.label_table.indexes, memory_mb, progress=True)
    opened.check_finite("effect of groups", effect)
    dataset = named_groups(groups, effect, linear.output.numpy()[0], card.label_table)
    dataset.attrs = opened.record(
        "neurons",
        n=n,
        relative_error=groups.relative_error,
        clipped=groups.clipped,
        seed=SEED,
    )
    datasets.write_h5(output, dataset)
