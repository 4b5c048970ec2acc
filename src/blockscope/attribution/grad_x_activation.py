"""Linear attribution of all labels, or of a later layer's channels, to the channels of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from blockscope.autodiff.batches import REVERSE_COST, in_batches
from blockscope.autodiff.linear_map import LinearMap


def attribute_all_labels(
    linear: LinearMap, indexes: Sequence[int], memory_mb: int = 2048, progress: bool = False
) -> npt.NDArray[np.float32]:
    """Return the linear attribution of labels to the channels of a layer, (label, channel).

    ``linear`` leads from the layer to the logits, ``indexes`` are logit positions. The cost is one
    forward-mode product per channel, or one reverse-mode product per label where that is cheaper.
    """
    return _between(linear, list(indexes), memory_mb, progress)


def attribute_channels(
    linear: LinearMap,
    channels: Sequence[int] | None = None,
    memory_mb: int = 2048,
    progress: bool = False,
) -> npt.NDArray[np.float32]:
    """Return how much channels of one layer count for those of a later one, (channel2, channel1).

    Entry (k, c): sum over positions of A1[.., c] times the derivative of channel k's sum over its
    positions; signed, in units of the later layer's activations. ``linear`` leads from one layer to
    the other; ``channels`` picks some of the later layer's, None takes all. Cost: one forward-mode
    product per channel of the earlier layer, or one reverse-mode product per channel asked for,
    whichever is cheaper.
    """
    count = linear.output.shape[-1]
    wanted = list(range(count) if channels is None else channels)
    return _between(linear, wanted, memory_mb, progress)


def _between(
    linear: LinearMap, wanted: list[int], memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    channels, size = linear.value.shape[-1], linear.output.shape[-1]
    dtype = linear.value.dtype
    forward = channels <= REVERSE_COST * len(wanted)
    items = np.arange(channels) if forward else np.asarray(wanted, np.int64)
    batches = in_batches(items, linear.bytes_per_tangent(), memory_mb)
    unit = "channels" if forward else "sensitivities"
    parts = []
    for batch in tqdm(batches, desc=unit, unit="batch", disable=not progress):
        if forward:
            alone = tf.one_hot(batch, channels, dtype=dtype)[:, None, None, :] * linear.value
            pushed = linear.jvp(alone)
            summed = tf.reduce_sum(pushed, list(range(1, pushed.shape.rank - 1)))
            parts.append(tf.gather(summed, wanted, axis=1).numpy())
            continue
        inner = [1] * (linear.output.shape.rank - 2)
        asked = tf.reshape(tf.one_hot(batch, size, dtype=dtype), [len(batch), *inner, size])
        asked = tf.broadcast_to(asked, [len(batch), *linear.output.shape[1:]])
        parts.append(tf.reduce_sum(linear.vjp(asked) * linear.value, [1, 2]).numpy())
    return np.concatenate(parts).T if forward else np.concatenate(parts)
