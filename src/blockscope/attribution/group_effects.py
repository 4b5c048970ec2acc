"""Attribution of every label to neuron groups: what each group adds to every logit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr

from blockscope.attribution.all_labels import label_axis
from blockscope.attribution.neuron_groups import NeuronGroups
from blockscope.autodiff.batches import in_batches, logits_in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.labels import Labels
from blockscope.models.entry import Head, unit_of


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
    signed, the first-order effect of removing the group. The effects of all groups and of the
    remainder that they leave unexplained add up to gradient x activation, summed. Cost: one
    Jacobian-vector product per group, for all logits. Source: Olah et al. 2018, notebook on neuron
    groups.

    Parameters
    ----------
    linear
        Leads from the layer to the logits.
    groups
        Neuron groups of the layer.
    indexes
        Positions in the logits.
    memory_mb
        Bounds the batches; does not change the result.
    progress
        Whether to show a progress bar.

    Returns
    -------
    effect
        float32, (factor, label), labels in the order of ``indexes``.

    Raises
    ------
    UnknownName
        An index that is no place in the logits, or none at all.
    """
    wanted = chosen_numbers("labels", indexes, linear.output.shape[-1], "indexes")
    numbers = np.arange(len(groups.channels))
    batches = in_batches(numbers, linear.bytes_per_tangent(), memory_mb)

    def push(batch: npt.NDArray[np.integer]) -> tf.Tensor:
        return linear.jvp(tf.constant(groups.vectors(batch), linear.value.dtype))

    return logits_in_batches(push, batches, wanted, "groups" if progress else None)


def named_groups(
    groups: NeuronGroups,
    effect: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32],
    labels: Labels,
    head: Head = "softmax",
) -> xr.Dataset:
    """Name the axes of neuron groups and of their effects on all labels."""
    strength = {"long_name": "strength of the group at a position", "units": "1"}
    vector = {"long_name": "channels of the group", "units": "1"}
    length = {"long_name": "length of the group's vector", "units": "1"}
    unit = unit_of(head)
    by_label = {"long_name": f"group vector times gradient of the {unit}, summed", "units": unit}
    return xr.Dataset(
        {
            "spatial": (("row", "col", "factor"), datasets.as_float32(groups.spatial), strength),
            "channels": (("factor", "channel"), datasets.as_float32(groups.channels), vector),
            "magnitude": ("factor", datasets.as_float32(groups.magnitude), length),
            "effect": (("factor", "label"), datasets.as_float32(effect), by_label),
        },
        coords=label_axis(logits, labels, head),
    )
