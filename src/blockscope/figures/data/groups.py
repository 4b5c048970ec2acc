"""What the panel "attribution groups" shows, read from the result files of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.origin import check_origin
from blockscope.figures.data.request import LOGSUMEXP, Asked, place_of
from blockscope.io import datasets, images


class Weight(NamedTuple):
    """A label and its number: a probability, or its weight in a factor."""

    label: str
    value: float


@dataclass(frozen=True)
class LayerGroups:
    """The factors of one layer.

    spatial         float (row, col, factor): how much of each factor is at each position
    tops            for each factor its labels of largest weight, the largest first
    fit_layer       layer that the factors were fitted on; this one if ``recipe`` is "alone"
    method          "nmf", or "pca" whose values are signed (drawn from 0 up)
    recipe          "alone" or "joint"
    relative_error  what the factors leave unexplained: norm of the rest over norm of the whole
    """

    layer: str
    fit_layer: str
    method: str
    recipe: str
    spatial: NDArray[np.float32]
    tops: tuple[tuple[Weight, ...], ...]
    relative_error: float

    @property
    def grid(self) -> str:
        """Rows and columns of the layer as text."""
        return grid_words(self.spatial)

    @property
    def factors(self) -> int:
        """Number of factors."""
        return int(self.spatial.shape[-1])

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> LayerGroups:
        """Take the factors of one layer from the content of a factor file."""
        names = dataset["top_label"].transpose("factor", "rank").values
        weights = dataset["top_weight"].transpose("factor", "rank").values
        facts = dataset.attrs
        return cls(
            layer=str(facts["layer"]),
            fit_layer=str(facts["fit_layer"]),
            method=str(facts["method"]),
            recipe=str(facts["recipe"]),
            spatial=dataset["spatial"].transpose("row", "col", "factor").values,
            tops=tuple(
                tuple(Weight(str(name), float(weight)) for name, weight in zip(*pair, strict=True))
                for pair in zip(names, weights, strict=True)
            ),
            relative_error=float(facts["relative_error"]),
        )


@dataclass(frozen=True)
class GroupsPanel:
    """The panel of one run: the input, the factors of two layers, and the most probable labels.

    picture         uint8 (row, col, rgb), the input as the network sees it
    layers          the earlier and the later layer
    probabilities   the most probable labels, the most probable first
    asked           labels that the run asks about and that are not among these
    labels          number of labels that the attributions were computed for
    """

    run: str
    model: str
    image: str
    override: str
    picture: NDArray[np.uint8]
    layers: tuple[LayerGroups, LayerGroups]
    probabilities: tuple[Weight, ...]
    asked: tuple[Weight, ...] = ()
    labels: int = 0

    @property
    def shared(self) -> bool:
        """Whether both layers show the same factors, so that one legend serves both."""
        first, second = self.layers
        return (
            first.recipe == second.recipe == "joint"
            and first.fit_layer == second.fit_layer
            and first.factors == second.factors
        )

    @classmethod
    def from_datasets(
        cls,
        run: str,
        picture: NDArray[np.uint8],
        classes: xr.Dataset,
        factors: Sequence[xr.Dataset],
        asked: Sequence[str] = (),
        probabilities: int = 5,
    ) -> GroupsPanel:
        """Bring together what the files of one run hold.

        picture         uint8 (row, col, rgb)
        classes         attributions of all labels at either layer; only its labels' probabilities
                        are used
        factors         factors of the earlier and of the later layer
        asked           names or indexes of labels whose probability is shown in any case
        probabilities   how many of the most probable labels are shown

        Raises ``UnknownName`` for an asked label that is not there or whose name occurs twice.
        """
        first, second = factors
        names = [str(name) for name in classes["label"].values]
        chance = [float(value) for value in classes["probability"].values]
        order = sorted(range(len(names)), key=lambda place: -chance[place])
        shown = order[:probabilities]
        wanted = [
            place_of(text, names, classes["index"].values) for text in asked if text != LOGSUMEXP
        ]
        beside = [place for place in dict.fromkeys(wanted) if place not in shown]
        return cls(
            run=run,
            model=str(first.attrs["model"]),
            image=str(first.attrs["image"]),
            override=str(first.attrs["override"]),
            picture=picture,
            layers=(LayerGroups.from_dataset(first), LayerGroups.from_dataset(second)),
            probabilities=tuple(Weight(names[place], chance[place]) for place in shown),
            asked=tuple(Weight(names[place], chance[place]) for place in beside),
            labels=len(names),
        )

    @classmethod
    def of_run(cls, asked: Asked, files: Mapping[str, Any], probabilities: int = 5) -> GroupsPanel:
        """Read the panel of a run from its files, by their names in ``config.paths``.

        Raises ``BadFile`` where a file is of another model, image, override or layer than asked,
        and what `from_datasets` raises.
        """
        gradient = {"model": asked.model, "image": asked.image, "override": asked.override}
        layers = {"classes2": asked.layer2, "factors1": asked.layer1, "factors2": asked.layer2}
        found = {name: datasets.read(files[name]) for name in layers}
        for name, layer in layers.items():
            check_origin(asked, found[name], files[name], gradient | {"layer": layer})
        picture, _ = images.read_input(files["picture"])
        factors = [found["factors1"], found["factors2"]]
        return cls.from_datasets(
            asked.run, picture, found["classes2"], factors, asked.classes, probabilities
        )
