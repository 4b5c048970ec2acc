"""The stage "channels": how much each channel of a layer counts for one label against another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.contrasts import find_contrasts
from blockscope.attribution.grad_x_activation import attribute_all_labels
from blockscope.attribution.integrated_gradients import (
    ChannelAttribution,
    ChannelPaths,
    draw_noise,
)
from blockscope.attribution.labels import label_axis
from blockscope.attribution.layer_task import LayerTask
from blockscope.io import datasets
from blockscope.io.labels import Labels


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
                datasets.as_float32(np.stack([one.values for one in found], 1)),
                {"long_name": "contribution of a channel to score(A) - score(B)", **unit},
            ),
            "completeness_error": (
                by_method,
                datasets.as_float32(completeness),
                {"long_name": "(sum of attribution - rise) / |rise|, rise = score - score at zero"},
            ),
            "quadrature_error": (
                by_method,
                datasets.as_float32(np.stack([one.quadrature_error for one in found], 1)),
                {"long_name": "likely sum of the channels' |errors| / sum of |attribution|"},
            ),
            "steps": (by_method, np.stack([one.steps for one in found], 1)),
            "score": ("pair", datasets.as_float32(paths.scores), unit),
            "score_at_zero": ("pair", datasets.as_float32(paths.at_zero), unit),
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
    opened = LayerTask.read(graph_path, card_path, input_path, activations_path, layer, override)
    linear, names = opened.linear(), opened.card.label_table
    logits = linear.output.numpy()[0]
    pairs = find_contrasts(asked, logits, names)
    paths = ChannelPaths(opened.gradients(), pairs, memory_mb, progress=True)
    noise = draw_noise(seed, opened.held.shape[-1])
    dataset = named_channels(paths, methods, noise, tolerance, names)
    classes = attribute_all_labels(linear, names.indexes, memory_mb, progress=True)
    note = {"long_name": "linear attribution of every label's logit", "units": "logit"}
    dataset["classes"] = (("label", "channel"), datasets.as_float32(classes), note)
    dataset = dataset.assign_coords(label_axis(logits, names))
    for name in ("attribution", "classes"):
        opened.check_finite(name, dataset[name].to_numpy())
    dataset.attrs = opened.record("channels", seed=seed, tolerance=tolerance)
    datasets.write_h5(output, dataset)
