"""Attribution of contrasts to channels by several methods, with named axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.integrated_gradients import ChannelAttribution, ChannelPaths
from blockscope.io import datasets
from blockscope.io.labels import Labels
from blockscope.models.entry import Head, unit_of


def _by_method(
    paths: ChannelPaths,
    method: str,
    tolerance: float,
    noise: npt.NDArray[np.float32],
    cancels: bool,
) -> ChannelAttribution:
    computed: dict[str, Callable[[], ChannelAttribution]] = {
        "linear": paths.linear,
        "path": lambda: paths.path(tolerance),
        "path-left-100": paths.left,
        "stochastic": lambda: paths.stochastic(noise),
    }
    found = computed[method]()
    if method == "linear" and cancels:
        return replace(found, values=np.zeros_like(found.values))
    return found


def named_channels(
    paths: ChannelPaths,
    methods: Sequence[str],
    noise: npt.NDArray[np.float32],
    tolerance: float,
    labels: Labels,
    head: Head = "softmax",
    cancels: bool = False,
) -> xr.Dataset:
    """Compute the attribution of every contrast by every method and name the axes.

    Parameters
    ----------
    paths
        The contrasts at one layer and image.
    methods
        ``linear`` (gradient x activation), ``path`` (integrated gradients), ``path-left-100`` (the
        same by 100 left steps), ``stochastic`` (noisy integrated gradients).
    noise
        (step, channel), kept in the dataset if ``stochastic`` uses it.
    tolerance
        Of the completeness error of ``path``.
    labels
        Names of the logits.
    head
        The kind of the network's head.
    cancels
        Whether gradient x activation is zero by mathematics: ``linear`` is zeros then.

    Returns
    -------
    dataset
        ``attribution`` (pair, method, channel) with its errors, steps and scores; the axis ``pair``
        holds the contrasts.
    """
    found = [_by_method(paths, method, tolerance, noise, cancels) for method in methods]
    by_method = ("pair", "method")
    unit = {"units": unit_of(head)}
    place = {"long_name": "position in the logits; -1: logsumexp over all logits, -2: nothing"}
    completeness = np.stack([paths.completeness_error(one.values) for one in found], 1)
    a, b = np.array(paths.contrasts, np.int32).reshape(-1, 2).T
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
                {
                    "long_name": "(sum of attribution - rise) / |rise| of the score from zero",
                    "units": "1",
                },
            ),
            "quadrature_error": (
                by_method,
                datasets.as_float32(np.stack([one.quadrature_error for one in found], 1)),
                {
                    "long_name": "likely sum of the channels' |errors| / sum of |attribution|",
                    "units": "1",
                },
            ),
            "steps": (
                by_method,
                np.stack([one.steps for one in found], 1).astype(np.int32),
                {"long_name": "points of the path at which gradients were taken"},
            ),
            "score": (
                "pair",
                datasets.as_float32(paths.scores),
                {"long_name": "score(A) - score(B)", **unit},
            ),
            "score_at_zero": (
                "pair",
                datasets.as_float32(paths.at_zero),
                {"long_name": "score(A) - score(B) where the layer is zero", **unit},
            ),
        },
        coords={
            "pair": np.array([one.named(labels) for one in paths.contrasts], dtype=object),
            "method": np.array(methods, dtype=object),
            "index_a": ("pair", a, place),
            "index_b": ("pair", b, place),
        },
    )
    if "stochastic" in methods:
        dataset["noise"] = (
            ("step", "channel"),
            noise,
            {"long_name": "factors of the points", "units": "1"},
        )
    return dataset
