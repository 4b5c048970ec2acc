"""The labels that a run compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.figures.arrays import Floats
from blockscope.figures.data.label_names import told_apart
from blockscope.io.errors import unknown_name
from blockscope.io.label_scores import LOGSUMEXP, check_logsumexp, head_of, highest_labels
from blockscope.io.labels import Labels


@dataclass(frozen=True)
class Contrast:
    """Two labels that are compared, as places on the axis of all labels.

    Attributes
    ----------
    first
        Place of the first.
    second
        Place of the second; None where the first stands alone or against logsumexp.
    names
        What they are called; a repeated name is followed by its index.
    logsumexp
        Whether the first is compared with all logits together.
    """

    first: int
    second: int | None
    names: tuple[str, ...]
    logsumexp: bool = False

    @property
    def places(self) -> list[int]:
        """The places of its labels, one or two, in the order of ``names``."""
        return [self.first] if self.second is None else [self.first, self.second]

    @property
    def text(self) -> str:
        """The score that is attributed, in words."""
        if self.logsumexp:
            return f"{self.names[0]} \N{MINUS SIGN} logsumexp"
        return " \N{MINUS SIGN} ".join(self.names)

    def maps(self, dataset: xr.Dataset) -> tuple[Floats, Floats]:
        """Return both labels' attribution (row, col); zeros where there is no second label."""
        found = dataset["attribution"].transpose("label", "row", "col")
        first = found.isel(label=self.first).to_numpy()
        if self.second is None:
            return first, np.zeros_like(first)
        return first, found.isel(label=self.second).to_numpy()

    def row_of(self, channels: xr.Dataset) -> int:
        """Return the place of this contrast on the axis ``pair`` of attributions to channels.

        Raises ``UnknownName`` where the file does not hold it.
        """
        index = channels["index"].to_numpy()
        second = -1 if self.logsumexp else -2 if self.second is None else int(index[self.second])
        wanted = (int(index[self.first]), second)
        held = zip(channels["index_a"].values, channels["index_b"].values, strict=True)
        for place, (a, b) in enumerate(held):
            if (int(a), int(b)) == wanted:
                return place
        raise unknown_name("contrast", self.text, channels["pair"].values, "regenerate the file")


def find_contrast(classes: Sequence[str], dataset: xr.Dataset) -> Contrast:
    """Return the labels that a run compares, looked up in attributions of all labels.

    Raises ``UnknownName`` for a label that is not there or whose name occurs twice, ``BadFile`` for
    logsumexp where the labels share no softmax.
    """
    names = [str(name) for name in dataset["label"].values]
    indexes = dataset["index"].values
    if not classes:
        places = highest_labels(dataset, 2).tolist()
    else:
        if LOGSUMEXP in classes:
            check_logsumexp(head_of(dataset), "table of runs: classes")
        places = [place_of(text, names, indexes) for text in classes if text != LOGSUMEXP]
    shown = told_apart(names, indexes)
    second = places[1] if len(places) > 1 else None
    return Contrast(places[0], second, tuple(shown[p] for p in places), LOGSUMEXP in classes)


def place_of(text: str, names: Sequence[str], indexes: NDArray[np.integer]) -> int:
    """Return the place on the label axis of a label given by its name or by its index."""
    first = int(indexes[0])  # the axis holds all labels, in the order of their logits
    return Labels([*[""] * first, *names], skip=first).find(text) - first
