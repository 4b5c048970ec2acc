"""What is known of the units of one layer after a part of a data set; parts can be joined.

Joining is exact: every division of the images, in any order, gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from blockscope.exemplars import histogram
from blockscope.exemplars.exact_sum import ExactSum
from blockscope.exemplars.reservoir import Reservoir
from blockscope.exemplars.top_k import TopK

Arrays = dict[str, npt.NDArray[np.generic]]
Batch = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

ACTIVATION: Final = ("activation_maximum", "activation_mean")
RELEVANCE: Final = ("relevance_maximum", "relevance_mean")
"""What exemplars are sorted by."""


@dataclass
class Pending:
    """Sums of the images since the last exact ones, rounded in their fixed order."""

    sums: npt.NDArray[np.float64]
    moments: npt.NDArray[np.float64] | None
    by_label: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)


class LayerStatistics:
    """Statistics of the units of one layer.

    ``units`` of a layer of so many, ``labels`` in the logits; of each ranking the ``k`` largest are
    kept, and ``vectors`` single vectors of channels, chosen by ``seed``. Directions have no
    ``moments`` and no vectors.
    """

    def __init__(
        self,
        units: int,
        labels: int,
        k: int,
        *,
        vectors: int = 0,
        seed: int = 0,
        relevance: bool = True,
        moments: bool = True,
    ) -> None:
        self.units, self.labels, self.k = units, labels, k
        self.images = self.positions = 0
        names = (*ACTIVATION, *(RELEVANCE if relevance else ()))
        self.rankings = {name: TopK.empty(k, units) for name in names}
        self.histogram = np.zeros((units, histogram.BINS), np.int64)
        self.sums = ExactSum(units)
        self.moments = ExactSum(units * (units + 1) // 2) if moments else None
        self.reservoir = Reservoir.empty(vectors, seed, units)
        self.relevance = relevance
        self.by_label: dict[int, ExactSum] = {}  # of the labels predicted so far
        self.images_by_label = np.zeros(labels, np.int64)
        self._pending = self._nothing()

    def _nothing(self) -> Pending:
        square = None if self.moments is None else np.zeros((self.units, self.units))
        return Pending(np.zeros(self.units), square)

    def add_activations(
        self,
        numbers: Numbers,
        values: Batch,
        highest: Batch,
        sums: Batch,
        moments: Batch | None = None,
    ) -> None:
        """Take in images, numbered ascending; arrays as those of ``Response``.

        ``moments`` are sums over these images.
        """
        count, positions, units = values.shape
        self.images, self.positions = self.images + count, self.positions + count * positions
        _rank(self.rankings, ACTIVATION, numbers, values, highest, sums)
        self.histogram += histogram.count(values.reshape(-1, units))
        self.reservoir.update(values, numbers)
        self._pending.sums += sums.sum(axis=0, dtype=np.float64)
        if self._pending.moments is not None and moments is not None:
            self._pending.moments += moments

    def add_labels(self, predicted: Numbers) -> None:
        """Take in the labels (numbers of logits) predicted of images."""
        np.add.at(self.images_by_label, predicted, 1)

    def add_relevance(
        self, numbers: Numbers, predicted: Numbers, values: Batch, highest: Batch, sums: Batch
    ) -> None:
        """Take in the relevance of images, with the labels (numbers of logits) predicted."""
        _rank(self.rankings, RELEVANCE, numbers, values, highest, sums)
        for label, one in zip(predicted.tolist(), sums, strict=True):
            total = self._pending.by_label.setdefault(label, np.zeros(self.units))
            total += one

    def settle(self) -> None:
        """Make the sums of the images since the last time exact.

        To be called at the same numbers of images, however they are divided.
        """
        self.reservoir.settle()
        pending, self._pending = self._pending, self._nothing()
        self.sums.add(pending.sums)
        if self.moments is not None and pending.moments is not None:
            self.moments.add(pending.moments[np.triu_indices(self.units)])
        for label, total in pending.by_label.items():
            self.by_label.setdefault(label, ExactSum(self.units)).add(total)

    def merge(self, other: LayerStatistics) -> None:
        """Take in what another one knows of other images; both are settled."""
        self.images += other.images
        self.positions += other.positions
        for name, ranking in self.rankings.items():
            ranking.merge(other.rankings[name])
        self.histogram += other.histogram
        self.images_by_label += other.images_by_label
        self.reservoir.merge(other.reservoir)
        self.sums.merge(other.sums)
        if self.moments is not None and other.moments is not None:
            self.moments.merge(other.moments)
        for label, total in other.by_label.items():
            self.by_label.setdefault(label, ExactSum(self.units)).merge(total)

    def mean(self) -> npt.NDArray[np.float64]:
        """Return the mean activation of each unit over all positions of all images."""
        return self.sums.total() / max(self.positions, 1)

    def second_moment(self) -> npt.NDArray[np.float64] | None:
        """Return the mean products of two channels (channel, channel) over all positions."""
        if self.moments is None:
            return None
        square = np.zeros((self.units, self.units))
        upper = np.triu_indices(self.units)
        square[upper] = self.moments.total() / max(self.positions, 1)
        return square + np.triu(square, 1).T

    def relevance_by_label(self) -> npt.NDArray[np.float32] | None:
        """Return the mean relevance (label, unit) over the images of which the label is predicted.

        NaN for a label of no image.
        """
        if not self.relevance:
            return None
        mean = np.full((self.labels, self.units), np.nan, np.float32)
        for label, total in self.by_label.items():
            mean[label] = total.total() / self.images_by_label[label]
        return mean

    def to_arrays(self) -> Arrays:
        """Return all that is needed to go on or to merge, by name: to be written at once."""
        found: Arrays = {
            "counts": np.array([self.images, self.positions], np.int64),
            "histogram": self.histogram,
            "images_by_label": self.images_by_label,
            "reservoir_key": self.reservoir.key,
            "reservoir_vector": self.reservoir.vector,
            "reservoir_number": self.reservoir.number,
            "reservoir_position": self.reservoir.position,
        }
        for name, ranking in self.rankings.items():
            found[f"{name}_value"] = ranking.value
            found[f"{name}_number"] = ranking.number
            found[f"{name}_position"] = ranking.position
        for name, exact in self._exact().items():
            for number, limb in exact.limbs.items():
                found[f"{name}_limb{number}"] = limb
        seen = sorted(self.by_label)
        nothing = np.zeros(self.units, np.int64)
        found["by_label"] = np.array(seen, np.int64)
        for number in sorted({n for label in seen for n in self.by_label[label].limbs}):
            limbs = [self.by_label[label].limbs.get(number, nothing) for label in seen]
            found[f"by_label_limb{number}"] = np.stack(limbs)
        return found

    def take(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Set what ``to_arrays`` has returned for one that was made with the same arguments."""
        self.images, self.positions = (int(n) for n in np.asarray(arrays["counts"]))
        self.histogram = np.array(arrays["histogram"], np.int64)
        self.images_by_label = np.array(arrays["images_by_label"], np.int64)
        kept = self.reservoir
        kept.key = np.array(arrays["reservoir_key"], np.uint64)
        kept.vector = np.array(arrays["reservoir_vector"], np.float32)
        kept.number = np.array(arrays["reservoir_number"], np.int64)
        kept.position = np.array(arrays["reservoir_position"], np.int32)
        for name, ranking in self.rankings.items():
            ranking.value = np.array(arrays[f"{name}_value"], np.float32)
            ranking.number = np.array(arrays[f"{name}_number"], np.int64)
            ranking.position = np.array(arrays[f"{name}_position"], np.int32)
        for name, exact in self._exact().items():
            exact.limbs = ExactSum(exact.size, _limbs(arrays, name)).limbs
        limbs = _limbs(arrays, "by_label")
        self.by_label = {
            label: ExactSum(self.units, {number: limb[row] for number, limb in limbs.items()})
            for row, label in enumerate(np.asarray(arrays["by_label"]).tolist())
        }
        self._pending = self._nothing()

    def _exact(self) -> dict[str, ExactSum]:
        sums = {"sums": self.sums, "moments": self.moments}
        return {name: exact for name, exact in sums.items() if exact is not None}


def with_place(place: int, arrays: Arrays) -> Arrays:
    """Return arrays under names that tell those of several layers apart."""
    return {f"{place}.{name}": array for name, array in arrays.items()}


def at_place(place: int, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Arrays:
    """Return those that ``with_place`` has named so, under their own names."""
    begin = f"{place}."
    return {name.removeprefix(begin): a for name, a in arrays.items() if name.startswith(begin)}


def _limbs(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str
) -> dict[int, npt.NDArray[np.int64]]:
    begin = f"{name}_limb"
    kept = {key: array for key, array in arrays.items() if key.startswith(begin)}
    return {int(key.removeprefix(begin)): np.array(limb, np.int64) for key, limb in kept.items()}


def _rank(
    rankings: Mapping[str, TopK],
    names: tuple[str, str],
    numbers: Numbers,
    values: Batch,
    highest: Batch,
    sums: Batch,
) -> None:
    def positions(
        image: npt.NDArray[np.intp], unit: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.integer]:
        found: npt.NDArray[np.integer] = values[image, :, unit].argmax(axis=1)
        return found

    means = sums / np.float32(values.shape[1])
    for name, quantity in zip(names, (highest, means), strict=True):
        rankings[name].update(quantity, numbers, positions)
