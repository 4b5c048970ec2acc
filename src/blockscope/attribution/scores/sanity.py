"""How alike maps of a network are to those of the same network with weights drawn anew.

Adebayo et al., "Sanity checks for saliency maps" (2018): a map that stays the same says nothing of
what was learned. Their measures are used: rank correlation and structural similarity, each with and
without the sign of the attributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.scores.structural_similarity import structural_similarity
from blockscope.io.correlation import rank_correlation

Floats = npt.NDArray[np.floating]
Measures = Mapping[str, Floats]

WORDS = {
    "rank_correlation": "Spearman's rank correlation with the map of the trained network",
    "absolute_rank_correlation": "Spearman's rank correlation of absolute values",
    "ssim": "structural similarity to the map of the trained network",
    "absolute_ssim": "structural similarity of absolute values",
}
"""What is measured, by its name in files."""


@dataclass(frozen=True)
class RandomisedMaps:
    """What a network with weights drawn anew says of a layer.

    Attributes
    ----------
    network
        Its id.
    above
        The layer above which weights were drawn.
    kind
        ``cascading`` or ``independent``.
    seed
        Of the random numbers.
    moved
        Whether the layer's own activations are others, since weights below it were drawn too.
    maps
        (label, row, col).
    """

    network: str
    above: str
    kind: str
    seed: int
    moved: bool
    maps: Floats


def similarity(first: Floats, second: Floats) -> Measures:
    """Return every measure of ``WORDS`` of maps (label, row, col), each (label); NaN: no number."""
    flat = [maps.reshape(len(maps), -1) for maps in (first, second)]
    sizes = np.abs(first), np.abs(second)
    return {
        "rank_correlation": rank_correlation(*flat),
        "absolute_rank_correlation": rank_correlation(*map(np.abs, flat)),
        "ssim": structural_similarity(first, second, signed=True),
        "absolute_ssim": structural_similarity(*sizes, signed=False),
    }


def compare_maps(trained: Floats, others: Sequence[RandomisedMaps]) -> xr.Dataset:
    """Compare the maps of a network with those of others.

    Parameters
    ----------
    trained
        (label, row, col).
    others
        In any order.

    Returns
    -------
    dataset
        Every measure of ``WORDS`` as (network, label), and its mean and standard deviation over the
        seeds, ``{measure}_mean`` and ``{measure}_deviation`` (place, label), of ``{measure}_count``
        networks that have a number. A place is a kind with a layer, in the order of ``others``.
        NaN where a map is constant; of the deviation also where fewer than two have a number.
    """
    found = [similarity(trained, other.maps) for other in others]
    places = list(dict.fromkeys((other.kind, other.above, other.moved) for other in others))
    dataset = xr.Dataset(
        coords={
            "network": [other.network for other in others],
            "seed": (
                "network",
                np.array([other.seed for other in others], np.int64),
                {"long_name": "seed of the network's random numbers"},
            ),
            "network_place": (
                "network",
                [places.index((other.kind, other.above, other.moved)) for other in others],
                {"long_name": "the network's number along the axis place"},
            ),
            "kind": ("place", [kind for kind, _, _ in places], {"long_name": "kind of change"}),
            "above": (
                "place",
                [above for _, above, _ in places],
                {"long_name": "layer above which weights were drawn"},
            ),
            "moved": (
                "place",
                np.array([moved for _, _, moved in places], np.int8),
                {"long_name": "whether the layer's own activations are others"},
            ),
        }
    )
    at = dataset["network_place"].to_numpy()
    for name, words in WORDS.items():
        values = np.stack([measures[name] for measures in found])
        groups = [values[at == place] for place in range(len(places))]
        arrays = {
            name: ("network", values, words),
            f"{name}_mean": (
                "place",
                np.stack([_mean(g) for g in groups]),
                f"{words}, mean over seeds",
            ),
            f"{name}_deviation": (
                "place",
                np.stack([_deviation(g) for g in groups]),
                f"{words}, standard deviation over seeds",
            ),
        }
        for key, (axis, array, text) in arrays.items():
            described = {"long_name": text, "units": "1"}
            dataset[key] = ((axis, "label"), array.astype(np.float32), described)
        told = {"long_name": "networks that have a number"}
        counts = np.stack([np.isfinite(g).sum(0) for g in groups])
        dataset[f"{name}_count"] = (("place", "label"), counts.astype(np.int32), told)
    return dataset


def _mean(values: Floats) -> Floats:
    """Return the mean over the first axis of what is a number; NaN where nothing is."""
    count = np.isfinite(values).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.nansum(values, 0) / count
    return found


def _deviation(values: Floats) -> Floats:
    """Return the standard deviation (n - 1) of what is a number; NaN of fewer than two."""
    count = np.isfinite(values).sum(0)
    squares = np.nansum((values - _mean(values)) ** 2, 0)
    found: Floats = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.where(count > 1, found, np.nan)
