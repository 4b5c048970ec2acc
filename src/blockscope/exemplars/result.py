"""The file of a layer's exemplars: what is in it, and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.exemplars import histogram
from blockscope.exemplars.statistics import LayerStatistics
from blockscope.io import datasets
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels


@dataclass(frozen=True, eq=False)
class LayerExemplars:
    """What a data set says of the units of one layer.

    Attributes
    ----------
    unit
        What the units are: "channel", or "factor" for the directions of neuron groups.
    rankings
        What exemplars are sorted by: the maximum, or the mean, over the positions of an image, of
        the activations or of the relevance.
    value
        float32 (ranking, unit, rank), NaN behind the last image.
    number
        int64 (ranking, unit, rank): the image in the data set, -1 behind the last.
    position
        int32 (ranking, unit, rank, 2): row and column of the maximum there, -1 behind the last.
    shown
        int64 (shown): the numbers of all images that occur, ascending.
    shown_name
        Their names.
    shown_label
        Their labels in the data set, empty for none.
    shown_predicted
        int64 (shown): the logit predicted of each.
    histogram
        int64 (unit, bin): positions of all images by their activation.
    bin_low
        float32 (bin): where each bin begins.
    bin_high
        float32 (bin): where it ends; as it begins for the bin of exactly zero.
    zeros
        float64 (unit): the share of positions with an activation of zero.
    mean
        float64 (unit): the mean activation of all positions.
    relevance_by_label
        float32 (label, unit): relevance summed over positions, mean over the images of which the
        label is predicted, NaN for a label of none; None where it was not asked for.
    label_index
        int64 (label): the logits of the labels.
    images_by_label
        int64 (label): of how many images each was predicted.
    images
        How many were read.
    facts
        The provenance.
    """

    unit: str
    rankings: tuple[str, ...]
    value: npt.NDArray[np.float32]
    number: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    shown: npt.NDArray[np.int64]
    shown_name: tuple[str, ...]
    shown_label: tuple[str, ...]
    shown_predicted: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int64]
    bin_low: npt.NDArray[np.float32]
    bin_high: npt.NDArray[np.float32]
    zeros: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    relevance_by_label: npt.NDArray[np.float32] | None
    label_index: npt.NDArray[np.int64]
    images_by_label: npt.NDArray[np.int64]
    images: int
    facts: dict[str, Any]

    @property
    def drives(self) -> npt.NDArray[np.bool_]:
        """Where there is an image, and its value is not zero: bool (ranking, unit, rank).

        Where a unit is zero at every position, no part of the image has anything to do with it.
        """
        found: npt.NDArray[np.bool_] = (self.number >= 0) & (self.value != 0)
        return found

    @classmethod
    def read(cls, path: FilePath) -> LayerExemplars:
        """Read a file; raises ``BadFile`` where it is missing, damaged or another kind of file."""
        found = datasets.read(path)
        if found.attrs.get("created_by") != "exemplars":
            raise BadFile(f"'{path}' holds no exemplars; it is written by the rule exemplars")
        unit = unit_axis(found)
        ranked = [found[name].transpose("ranking", unit, "rank").to_numpy() for name in RANKED]
        by_label = found.get("relevance_by_label")
        return cls(
            unit=unit,
            rankings=tuple(map(str, found["ranking"].to_numpy())),
            value=ranked[0],
            number=ranked[1],
            position=np.stack(ranked[2:], axis=-1),
            shown=found["shown"].to_numpy(),
            shown_name=tuple(map(str, found["shown_name"].to_numpy())),
            shown_label=tuple(map(str, found["shown_label"].to_numpy())),
            shown_predicted=found["shown_predicted"].to_numpy(),
            histogram=found["histogram"].transpose(unit, "bin").to_numpy(),
            bin_low=found["bin_low"].to_numpy(),
            bin_high=found["bin_high"].to_numpy(),
            zeros=found["zeros"].to_numpy(),
            mean=found["mean"].to_numpy(),
            relevance_by_label=None
            if by_label is None
            else by_label.transpose("label", unit).to_numpy(),
            label_index=found["index"].to_numpy(),
            images_by_label=found["images_by_label"].to_numpy(),
            images=int(found.attrs["images"]),
            facts=dict(found.attrs),
        )


RANKED = ("value", "number", "position_row", "position_col")


def unit_axis(found: xr.Dataset) -> str:
    """Return what the units of a file are: ``channel``, or ``factor`` for neuron groups."""
    return "channel" if "channel" in found["value"].dims else "factor"


def named_exemplars(
    statistics: LayerStatistics,
    labels: Labels,
    cols: int,
    predicted: npt.NDArray[np.integer],
    names: Sequence[str],
    names_of_labels: Sequence[str],
    unit: str = "channel",
    measured: str = "logit",
) -> xr.Dataset:
    """Name the axes of what a data set says of a layer.

    Parameters
    ----------
    statistics
        Those of the layer, over all images.
    labels
        The model's.
    cols
        Columns of the layer's map.
    predicted
        The logit that each image of the data set was taken for.
    names
        Those of the images that `shown_images` returns.
    names_of_labels
        Their labels in the data set.
    unit
        What the units are.
    measured
        The unit of relevance.

    Returns
    -------
    dataset
        As `LayerExemplars` reads it, with the mean products and the vectors of channels beside.
    """
    rankings = statistics.rankings
    ranked: dict[str, npt.NDArray[Any]] = {
        "value": np.stack([one.value.T for one in rankings.values()]),
        "number": np.stack([one.number.T for one in rankings.values()]),
    }
    place = np.stack([one.position.T for one in rankings.values()])
    known = place >= 0
    ranked["value"] = np.where(known, ranked["value"], np.float32(np.nan))
    ranked["position_row"] = np.where(known, place // cols, -1).astype(np.int32)
    ranked["position_col"] = np.where(known, place % cols, -1).astype(np.int32)
    shown = shown_images(statistics)
    low, high = histogram.edges()
    by_label, second = statistics.relevance_by_label(), statistics.second_moment()
    indexes = list(labels.indexes)
    axes = ("ranking", unit, "rank")
    told = WORDS | {"value": {"long_name": VALUE.format(measured), "units": "1"}}
    kept: dict[str, Any] = {name: (axes, array, told[name]) for name, array in ranked.items()}
    kept |= {
        "shown": ("shown", shown, {"long_name": "numbers of all images that occur"}),
        "shown_name": ("shown", np.array(names, np.str_), {"long_name": "name of the image"}),
        "shown_label": (
            "shown",
            np.array(names_of_labels, np.str_),
            {"long_name": "label of the image in the data set"},
        ),
        "shown_predicted": (
            "shown",
            np.asarray(predicted, np.int64)[shown],
            {"long_name": "position of the predicted label in the logits"},
        ),
        "histogram": ((unit, "bin"), statistics.histogram, {"units": "1", **COUNTED}),
        "bin_low": ("bin", low, {"long_name": "least activation of the bin", "units": "1"}),
        "bin_high": ("bin", high, {"long_name": "end of the bin", "units": "1"}),
        "zeros": (
            unit,
            statistics.histogram[:, histogram.ZERO] / max(statistics.positions, 1),
            {"long_name": "share of positions where the activation is zero", "units": "1"},
        ),
        "mean": (unit, statistics.mean(), {"long_name": "mean activation", "units": "1"}),
        "images_by_label": (
            "label",
            statistics.images_by_label[indexes],
            {"long_name": "images of which the label is predicted", "units": "1"},
        ),
    }
    if by_label is not None:
        words = "relevance summed over positions, mean over images so predicted; NaN for none"
        kept["relevance_by_label"] = (
            ("label", unit),
            by_label[indexes],
            {"long_name": words, "units": measured},
        )
    if second is not None:
        other = f"other_{unit}"
        words = "mean product of two channels over all positions"
        kept["second_moment"] = ((unit, other), second, {"long_name": words, "units": "1"})
        sample = statistics.reservoir
        words = "activation vectors of random positions; the first ones are a random sample too"
        kept["vectors"] = (("sample", unit), sample.vector, {"long_name": words, "units": "1"})
        places = {
            "number": (sample.number, "number of the image in the data set"),
            "row": ((sample.position // cols).astype(np.int32), "row of the position"),
            "col": ((sample.position % cols).astype(np.int32), "column of the position"),
        }
        for name, (values, told_of) in places.items():
            kept[f"vector_{name}"] = ("sample", values, {"long_name": told_of})
    coordinates = {
        "ranking": list(rankings),
        "label": [labels.name(index) for index in indexes],
        "index": ("label", np.array(indexes, np.int32), {"long_name": "position in the logits"}),
    }
    return xr.Dataset(kept, coordinates)


VALUE = "activation (or relevance, in {}s) of the exemplar"
WORDS = {
    "number": {"long_name": "number of the image in the data set, -1 behind the last"},
    "position_row": {"long_name": "row of the maximum"},
    "position_col": {"long_name": "column of the maximum"},
}
COUNTED = {"long_name": "positions of all images whose activation is in the bin"}


def shown_images(statistics: LayerStatistics) -> npt.NDArray[np.int64]:
    """Return the numbers of all images that are exemplars, ascending."""
    numbers = [one.number.ravel() for one in statistics.rankings.values()]
    found = np.unique(np.concatenate(numbers))
    return found[found >= 0]
