"""Gradient x activation of labels, or of a later layer's channels, to the channels of a layer.

(Captum: LayerGradientXActivation, summed over positions.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.autodiff.active.batches import push_channels
from blockscope.autodiff.batches import REVERSE_COST, in_batches
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import datasets
from blockscope.io.chosen_numbers import chosen_numbers


def attribute_labels_to_channels(
    linear: LinearMap, indexes: Sequence[int], memory_mb: int = 2048, progress: bool = False
) -> npt.NDArray[np.float32]:
    """Return the attribution of logits to the channels of a layer, (label, channel), in logits.

    ``linear`` leads from the layer to the logits, ``indexes`` are positions in the logits. Cost:
    one Jacobian-vector product per channel, or one vector-Jacobian product per label, whichever is
    cheaper. Raises ``UnknownName`` for an index that is no place in the logits, and for none.
    """
    wanted = chosen_numbers("labels", indexes, linear.output.shape[-1], "indexes")
    return _channels_of(linear, wanted, memory_mb, progress)


def attribute_channels(
    linear: LinearMap,
    channels: Sequence[int] | None = None,
    memory_mb: int = 2048,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return how much channels of one layer contribute to those of a later one.

    Entry (k, c): sum over positions of A1[.., c] times the derivative of the sum over positions of
    A2[.., k]; signed. Cost: one Jacobian-vector product per channel of the earlier layer, or one
    vector-Jacobian product per channel of the later one, whichever is cheaper.

    Parameters
    ----------
    linear
        Leads from the earlier layer to the later one.
    channels
        Channels of the later layer; all if not given.
    memory_mb
        Bounds the batches; does not change the result.
    progress
        Whether to show a progress bar.

    Returns
    -------
    attribution
        (channel2, channel1), in units of the later layer's activations.

    Raises
    ------
    UnknownName
        A channel that the later layer has not, or none at all.
    """
    count = linear.output.shape[-1]
    asked = range(count) if channels is None else channels
    wanted = chosen_numbers("channels", asked, count, "channels")
    return _channels_of(linear, wanted, memory_mb, progress)


def _channels_of(
    linear: LinearMap, wanted: list[int], memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    """Return the attribution of entries of the target's last axis, (wanted, channel)."""
    channels, size = linear.value.shape[-1], linear.output.shape[-1]
    dtype = linear.value.dtype
    parts = []
    if channels <= REVERSE_COST * len(wanted):
        with tqdm(total=channels, desc="channels", disable=not progress) as bar:
            for summed in push_channels(linear, np.arange(channels), memory_mb):
                parts.append(tf.gather(summed, wanted, axis=1).numpy())
                bar.update(len(parts[-1]))
        return np.concatenate(parts).T
    batches = in_batches(np.asarray(wanted, np.int64), linear.bytes_per_tangent(), memory_mb)
    inner = [1] * (linear.output.shape.rank - 2)
    for batch in tqdm(batches, desc="channels", unit="batch", disable=not progress):
        cotangents = tf.reshape(tf.one_hot(batch, size, dtype=dtype), [len(batch), *inner, size])
        cotangents = tf.broadcast_to(cotangents, [len(batch), *linear.output.shape[1:]])
        parts.append(tf.reduce_sum(linear.vjp(cotangents) * linear.value, [1, 2]).numpy())
    return np.concatenate(parts)


def named_drivers(attribution: npt.NDArray[np.float32]) -> xr.Dataset:
    """Name the axes of an attribution (channel2, channel1); units: layer2's activations."""
    note = {
        "long_name": "activation of layer1 times gradient of the sum of a channel of layer2",
        "units": "1",
    }
    axes = ("channel2", "channel1")
    return xr.Dataset({"attribution": (axes, datasets.as_float32(attribution), note)})
