"""The attribution factors of a run, read from its result files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.contrasts import place_of
from blockscope.figures.data.label_names import repeated_names, told_apart
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.io import datasets, images
from blockscope.io.label_scores import LOGSUMEXP, highest_labels, score_name


class Weight(NamedTuple):
    """A label and its number: a probability or output, or its weight in a factor."""

    label: str
    value: float


@dataclass(frozen=True)
class LayerFactors:
    """The factors of one layer.

    Attributes
    ----------
    layer
        The layer.
    fit_layer
        Layer that the factors were fitted on; this one if ``recipe`` is "alone".
    method
        "nmf", or "pca" whose values are signed (drawn from 0 up).
    recipe
        "alone" or "joint".
    spatial
        (row, col, factor): how much of each factor is at each position.
    tops
        For each factor its labels of largest weight, the largest first; none for a factor of a
        layer without positive attribution.
    relative_error
        What the factors leave unexplained: norm of the rest over norm of the whole. None where
        there is no positive attribution.
    """

    layer: str
    fit_layer: str
    method: str
    recipe: str
    spatial: Floats
    tops: tuple[tuple[Weight, ...], ...]
    relative_error: float | None

    @property
    def grid(self) -> str:
        """Rows and columns of the layer as text."""
        return grid_words(self.spatial)

    @property
    def factors(self) -> int:
        """Number of factors."""
        return int(self.spatial.shape[-1])

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset, repeated: Collection[str] = ()) -> LayerFactors:
        """Take the factors of one layer from the content of a factor file.

        Names that are ``repeated`` are told apart by their indexes.
        """
        listed = [
            dataset[name].transpose("factor", "rank").values
            for name in ("top_label", "top_index", "top_weight")
        ]
        facts = dataset.attrs
        return cls(
            layer=str(facts["layer"]),
            fit_layer=str(facts["fit_layer"]),
            method=str(facts["method"]),
            recipe=str(facts["recipe"]),
            spatial=dataset["spatial"].transpose("row", "col", "factor").values,
            tops=tuple(
                tuple(
                    Weight(name, float(weight))
                    for name, index, weight in zip(
                        told_apart(names, indexes, repeated), indexes, weights, strict=True
                    )
                    if index >= 0
                )
                for names, indexes, weights in zip(*listed, strict=True)
            ),
            relative_error=float(facts["relative_error"]) if "relative_error" in facts else None,
        )


@dataclass(frozen=True)
class FactorsPanel:
    """The input of a run, the factors of two layers, and the highest labels.

    Attributes
    ----------
    run
        The run.
    pixels
        The input as the network sees it.
    layers
        The earlier and the later layer.
    highest
        The most probable labels, or those of the largest outputs, the highest first.
    requested
        Labels that the run names and that are not among these.
    labels
        Number of labels that the attributions were computed for.
    probable
        Whether the numbers of the labels are probabilities, and not outputs.
    """

    run: RunRow
    pixels: Pixels
    layers: tuple[LayerFactors, LayerFactors]
    highest: tuple[Weight, ...]
    requested: tuple[Weight, ...] = ()
    labels: int = 0
    probable: bool = True

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
        run: RunRow,
        pixels: Pixels,
        classes: xr.Dataset,
        factors: Sequence[xr.Dataset],
        top_labels: int = 5,
    ) -> FactorsPanel:
        """Bring together what the files of one run hold.

        Of ``classes``, attributions of all labels at either layer, only the labels' probabilities
        or outputs are used: of the ``top_labels`` highest, and of those that the run names.
        ``factors`` are those of the earlier and of the later layer.

        Raises ``UnknownName`` for a label of the run that is not there or whose name occurs twice.
        """
        first, second = factors
        names = [str(name) for name in classes["label"].values]
        score = [float(value) for value in classes[score_name(classes)].values]
        shown = highest_labels(classes, top_labels).tolist()
        indexes = classes["index"].values
        repeated = repeated_names(names)
        shown_as = told_apart(names, indexes)
        wanted = [place_of(text, names, indexes) for text in run.classes if text != LOGSUMEXP]
        others = [place for place in dict.fromkeys(wanted) if place not in shown]
        return cls(
            run=run,
            pixels=pixels,
            layers=(
                LayerFactors.from_dataset(first, repeated),
                LayerFactors.from_dataset(second, repeated),
            ),
            highest=tuple(Weight(shown_as[place], score[place]) for place in shown),
            requested=tuple(Weight(shown_as[place], score[place]) for place in others),
            labels=len(names),
            probable=score_name(classes) == "probability",
        )

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles, top_labels: int = 5) -> FactorsPanel:
        """Read the files of a run.

        Raises ``BadFile`` where a file is of another model, image, override or layer than the run
        asks for, and what `from_datasets` raises.
        """
        gradient = {"model": run.model, "image": run.image, "override": run.override}
        layers = {"classes2": run.layer2, "factors1": run.layer1, "factors2": run.layer2}
        found = {name: datasets.read(files.one(name)) for name in layers}
        for name, layer in layers.items():
            check_origin(run, found[name], files.one(name), gradient | {"layer": layer})
        pixels, _ = images.read_png(files.one("image"))
        factors = [found["factors1"], found["factors2"]]
        return cls.from_datasets(run, pixels, found["classes2"], factors, top_labels)
