"""The stage "channels": how much each channel of a layer counts for one label against another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope import stores
from blockscope.attribution.channel_paths import ChannelAttribution, ChannelPaths, draw_noise
from blockscope.attribution.classes import label_axis
from blockscope.attribution.opened import Opened
from blockscope.attribution.pairs import find_pairs
from blockscope.engine.batches import in_batches
from blockscope.engine.linear_map import LinearMap
from blockscope.labels import Labels


def attribute_all_labels(
    linear: LinearMap, indexes: Sequence[int], memory_mb: int = 2048, progress: bool = False
) -> npt.NDArray[np.float32]:
    """Return the linear attribution of labels to the channels of a layer, (label, channel).

    ``linear`` leads from the layer to the logits, ``indexes`` are logit positions. The cost is one
    forward-mode product per channel, or one reverse-mode product per label where those are fewer.
    """
    return _between(linear, list(indexes), memory_mb, progress)


def attribute_channels(
    linear: LinearMap, channels: Sequence[int] | None = None, memory_mb: int = 2048
) -> npt.NDArray[np.float32]:
    """Return how much channels of one layer count for those of a later one, (channel2, channel1).

    Entry (k, c): sum over positions of A1[.., c] times the derivative of channel k's sum over its
    positions; signed, in units of the later layer's activations. ``linear`` leads from one layer to
    the other; ``channels`` picks some of the later layer's, None takes all. Cost: one product per
    channel, of the earlier layer or of those asked for, whichever are fewer.
    """
    count = linear.output.shape[-1]
    return _between(linear, list(range(count) if channels is None else channels), memory_mb)


def _between(
    linear: LinearMap, wanted: list[int], memory_mb: int, progress: bool = False
) -> npt.NDArray[np.float32]:
    channels, size = linear.value.shape[-1], linear.output.shape[-1]
    dtype = linear.value.dtype
    forward = channels <= len(wanted)
    items = np.arange(channels) if forward else np.asarray(wanted, np.int64)
    batches = in_batches(items, linear.bytes_per_tangent(), memory_mb)
    unit = "channels" if forward else "sensitivities"
    parts = []
    for batch in tqdm(batches, desc=unit, unit="batch", disable=not progress):
        if forward:
            alone = tf.one_hot(batch, channels, dtype=dtype)[:, None, None, :] * linear.value
            pushed = linear.push(alone)
            summed = tf.reduce_sum(pushed, list(range(1, pushed.shape.rank - 1)))
            parts.append(tf.gather(summed, wanted, axis=1).numpy())
            continue
        inner = [1] * (linear.output.shape.rank - 2)
        asked = tf.reshape(tf.one_hot(batch, size, dtype=dtype), [len(batch), *inner, size])
        asked = tf.broadcast_to(asked, [len(batch), *linear.output.shape[1:]])
        parts.append(tf.reduce_sum(linear.pull(asked) * linear.value, [1, 2]).numpy())
    return np.concatenate(parts).T if forward else np.concatenate(parts)


def _by_method(
    paths: ChannelPaths, method: str, tolerance: float, noise: npt.NDArray[np.float32]
) -> ChannelAttribution:
    computed: dict[str, Callable[[], ChannelAttribution]] = {
        "linear": paths.linear,
        "path": lambda: paths.path(tolerance),
        "path-left-100": paths.left,
        "stochastic": lambda: paths.stochastic(noise),
    }
    return computed[method]()


def named_channels(
    paths: ChannelPaths,
    methods: Sequence[str],
    noise: npt.NDArray[np.float32],
    tolerance: float,
    labels: Labels,
) -> xr.Dataset:
    """Compute the methods and name the axes; ``noise`` (step, channel) is kept where it is used."""
    found = [_by_method(paths, method, tolerance, noise) for method in methods]
    by_method = ("pair", "method")
    unit = {"units": "logit"}
    place = "position in the logits; -1: logsumexp over all logits, -2: nothing"
    completeness = np.stack([paths.completeness_error(one.values) for one in found], 1)
    dataset = xr.Dataset(
        {
            "attribution": (
                (*by_method, "channel"),
                stores.as_float32(np.stack([one.values for one in found], 1)),
                {"long_name": "contribution of a channel to score(A) - score(B)", **unit},
            ),
            "completeness_error": (
                by_method,
                stores.as_float32(completeness),
                {"long_name": "(sum of attribution - rise) / |rise|, rise = score - score at zero"},
            ),
            "quadrature_error": (
                by_method,
                stores.as_float32(np.stack([one.quadrature_error for one in found], 1)),
                {"long_name": "sum of the intervals' |errors| / sum of |attribution|"},
            ),
            "steps": (by_method, np.stack([one.steps for one in found], 1)),
            "score": ("pair", stores.as_float32(paths.scores), unit),
            "score_at_zero": ("pair", stores.as_float32(paths.at_zero), unit),
        },
        coords={
            "pair": np.array([pair.named(labels) for pair in paths.pairs], dtype=object),
            "method": np.array(methods, dtype=object),
            "index_a": (
                "pair",
                np.array([p.a for p in paths.pairs], np.int32),
                {"long_name": place},
            ),
            "index_b": (
                "pair",
                np.array([p.b for p in paths.pairs], np.int32),
                {"long_name": place},
            ),
        },
    )
    if "stochastic" in methods:
        dataset["noise"] = (("step", "channel"), noise, {"long_name": "factors of the points"})
    return dataset


def write_channels(
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    input_path: str | os.PathLike[str],
    activations_path: str | os.PathLike[str],
    layer: str,
    override: str,
    output: str | os.PathLike[str],
    asked: Sequence[str],
    methods: Sequence[str],
    seed: int,
    tolerance: float,
    memory_mb: int,
) -> None:
    """Write attributions to a layer's channels as HDF5.

    ``attribution`` (pair, method, channel) for the pairs asked for, ``classes`` (label, channel)
    for all labels by the linear method.
    """
    opened = Opened.read(graph_path, card_path, input_path, activations_path, layer, override)
    linear, names = opened.linear(), opened.card.names
    logits = linear.output.numpy()[0]
    pairs = find_pairs(asked, logits, names)
    paths = ChannelPaths(opened.gradients(), pairs, memory_mb, progress=True)
    noise = draw_noise(seed, opened.held.shape[-1])
    dataset = named_channels(paths, methods, noise, tolerance, names)
    classes = attribute_all_labels(linear, names.indexes, memory_mb, progress=True)
    note = {"long_name": "linear attribution of every label's logit", "units": "logit"}
    dataset["classes"] = (("label", "channel"), stores.as_float32(classes), note)
    dataset = dataset.assign_coords(label_axis(logits, names))
    for name in ("attribution", "classes"):
        opened.check_finite(name, dataset[name].to_numpy())
    dataset.attrs = opened.record("channels", seed=seed, tolerance=tolerance)
    stores.write_h5(output, dataset)
