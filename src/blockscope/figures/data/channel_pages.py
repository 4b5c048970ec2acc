"""What a layer's channel pages show: exemplars of data sets, what drives channels, their use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from blockscope.exemplars.result import LayerExemplars
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.channels import methods_of, shown_method
from blockscope.figures.data.contrasts import find_contrast
from blockscope.io import datasets, provenance
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts
from blockscope.models.card import ModelCard

Path = str | os.PathLike[str]
MOST_DRIVERS = 4  # channels of another layer, in one image


@dataclass(frozen=True)
class DatasetExemplars:
    """The exemplars of a layer in one data set, with their crops.

    Attributes
    ----------
    dataset
        Its id.
    found
        As the sweep found them.
    rankings
        Those that have crops.
    crops
        (ranking, channel, rank, row, col, rgb).
    facts
        Of the crops: their provenance and the receptive field.
    shown
        Name, label and what the network says of all images that are exemplars, by their numbers.
    """

    dataset: str
    found: LayerExemplars
    rankings: tuple[str, ...]
    crops: Pixels
    facts: Facts
    shown: Mapping[int, tuple[str, str, str]]

    @cached_property
    def bins(self) -> xr.Dataset:
        """The bins between the first and the last in which any channel has a value."""
        counts = self.found.histogram
        used = np.flatnonzero(counts.sum(axis=0))
        kept = slice(int(used[0]), int(used[-1]) + 1)
        return xr.Dataset(
            {"count": (("channel", "bin"), counts[:, kept])},
            {
                "low": ("bin", self.found.bin_low[kept]),
                "high": ("bin", self.found.bin_high[kept]),
            },
        )

    def words(self, place: tuple[int, int, int]) -> str:
        """Say what an exemplar is; ``place`` is (ranking, channel, rank) as the sweep found it."""
        name, label, predicted = self.shown[int(self.found.number[place])]
        row, col = map(int, self.found.position[place])
        own = f", label {label}" if label else ""
        return (
            f"{place[2] + 1}: {name}, {float(self.found.value[place]):.4g} at row {row + 1}, "
            f"column {col + 1}{own}, {predicted}"
        )

    @property
    def field(self) -> str:
        """How much of the image is seen, in words."""
        rows, cols = (self.facts[f"receptive_field_{axis}"] for axis in ("rows", "cols"))
        side = self.facts["effective_field"]
        words = f"receptive field {rows} x {cols} px, effective field and crop {side} x {side} px"
        if "counts" not in self.facts:
            return words
        low, middle, high = (
            100 * float(self.facts[name]) for name in ("counts_lower", "counts", "counts_upper")
        )
        return (
            f"{words}, with {middle:.0f} % of the squared gradient in the crop (quartiles "
            f"{low:.0f} to {high:.0f} %)"
        )


@dataclass(frozen=True)
class Drivers:
    """How much the channels of two layers count for each other, in one image.

    Attributes
    ----------
    image
        Its id.
    override
        Gradient of max pooling.
    other
        The other layer.
    below
        Whether that is the earlier one, which drives this one.
    values
        (channel, other channel), in units of the later layer's activations.
    """

    image: str
    override: str
    other: str
    below: bool
    values: Floats

    def strongest(self, channel: int) -> list[tuple[int, float]]:
        """Return the channels that count most, with their signed values."""
        row = self.values[channel]
        order = np.argsort(-np.abs(row), kind="stable")[:MOST_DRIVERS]
        return [(int(other), float(row[other])) for other in order if row[other] != 0]


@dataclass(frozen=True)
class Use:
    """A channel among the strongest of a run's contrast.

    Attributes
    ----------
    run
        The run.
    panel
        Its panel that shows the channel.
    rank
        From 1, among the channels of this sign.
    towards
        The label that it supports; empty where it opposes the only one.
    value
        Its attribution, in logits.
    """

    run: str
    panel: str
    rank: int
    towards: str
    value: float


def read_exemplars(
    exemplars: Sequence[Path], sheets: Sequence[Path], card: ModelCard, layer: str
) -> list[DatasetExemplars]:
    """Read the exemplars of a layer, one file and one of crops for each data set.

    Raises ``BadFile`` where a file is of another network or layer, or its crops of another sweep.
    """
    read = []
    for path, sheet in zip(exemplars, sheets, strict=True):
        found, crops = LayerExemplars.read(path), datasets.read(sheet)
        origin, facts = provenance.read(path), provenance.read(sheet)
        wanted = {"graph_sha256": card.graph_sha256, "layer": layer}
        wanted |= {"dataset": str(origin.get("dataset"))}
        for file, known in ((path, origin), (sheet, facts)):
            provenance.check_origin(known, file, wanted)
        if crops.sizes["channel"] != len(found.mean):
            raise BadFile(
                f"'{sheet}' has {counted(crops.sizes['channel'], 'channel')} and '{path}' "
                f"{len(found.mean)}; regenerate the crops"
            )
        names = tuple(map(str, crops["ranking"].values))
        read.append(
            DatasetExemplars(
                str(origin["dataset"]), found, names,
                crops["crops"].to_numpy(), facts, _shown_images(found, card),
            )
        )  # fmt: skip
    return read


def read_drivers(paths: Iterable[Path], layer: str) -> list[Drivers]:
    """Read how much the channels of a layer count for those of others, or those of others for them.

    Raises ``BadFile`` where a file does not concern the layer.
    """
    read = []
    for path in paths:
        found = datasets.read(path)
        first, second = str(found.attrs["layer1"]), str(found.attrs["layer2"])
        if layer not in (first, second):
            raise BadFile(
                f"'{path}' is about layers '{first}' and '{second}', not about '{layer}'; "
                "regenerate it"
            )
        below = layer == second
        axes = ("channel2", "channel1") if below else ("channel1", "channel2")
        values = found["attribution"].transpose(*axes).to_numpy()
        image, override = str(found.attrs["image"]), str(found.attrs["override"])
        read.append(Drivers(image, override, first if below else second, below, values))
    return read


def read_uses(
    run: str, panel: str, classes: Sequence[str], channels: Path, labels: Path, most: int
) -> dict[int, Use]:
    """Return by its number each channel that is among the strongest of a run's contrast.

    Parameters
    ----------
    run
        The run.
    panel
        Its panel that shows channels.
    classes
        The labels that it compares.
    channels
        Its attribution to the channels of the layer.
    labels
        Its attribution that knows all labels.
    most
        Channels of each sign, as many as its panel shows.

    Returns
    -------
    uses
        By the channel's number.
    """
    found = datasets.read(channels)
    contrast = find_contrast(classes, datasets.read(labels))
    method = shown_method(methods_of(found.isel(pair=contrast.row_of(found))))
    above, below = method.strongest(most)
    second = contrast.names[1] if len(contrast.names) > 1 else ""
    return {
        int(channel): Use(run, panel, rank, towards, float(method.values[channel]))
        for towards, chosen in ((contrast.names[0], above), (second, below[::-1]))
        for rank, channel in enumerate(chosen, start=1)
    }


def label_relevance(
    found: LayerExemplars, card: ModelCard, channel: int, most: int
) -> tuple[list[tuple[str, float, int]], list[tuple[str, float, int]]]:
    """Return the labels that a channel speaks for and against, the strongest first.

    Each has the mean relevance of the channel in the images of which it is the predicted label, and
    how many there are.
    """
    if found.relevance_by_label is None:
        return [], []
    values = found.relevance_by_label[:, channel]
    known = np.flatnonzero(found.images_by_label > 0)
    order = known[np.argsort(-values[known], kind="stable")]

    def listed(places: Iterable[int]) -> list[tuple[str, float, int]]:
        return [
            (
                _label_of(card, int(found.label_index[place])),
                float(values[place]),
                int(found.images_by_label[place]),
            )
            for place in places
        ]

    above = [int(place) for place in order if values[place] > 0][:most]
    below = [int(place) for place in order[::-1] if values[place] < 0][:most]
    return listed(above), listed(below)


def _shown_images(found: LayerExemplars, card: ModelCard) -> dict[int, tuple[str, str, str]]:
    """Return name, label and what the network says of all images that are exemplars."""
    says = "largest output" if card.head == "none" else "predicted"
    names = zip(
        found.shown, found.shown_name, found.shown_label, found.shown_predicted, strict=True
    )
    return {
        int(number): (str(name), str(label), f"{says} {_label_of(card, int(predicted))}")
        for number, name, label, predicted in names
    }


def _label_of(card: ModelCard, index: int) -> str:
    return card.labels[index] if index < len(card.labels) else f"output {index}"


def largest_values(found: LayerExemplars) -> Floats:
    """Return the largest activation of each channel in the data set."""
    return found.value[found.rankings.index("activation_maximum"), :, 0]
