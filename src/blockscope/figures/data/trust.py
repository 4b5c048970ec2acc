"""How far the map of a run can be trusted: what was measured of it, read from result files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels, Places
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_labels, check_origin
from blockscope.figures.data.sanity import Curve, curve_of, places_of
from blockscope.io import datasets, images
from blockscope.io.correlation import rank_correlation
from blockscope.io.errors import BadFile
from blockscope.io.label_scores import unit_name

OWN = "attribution"  # the run's map among those that were scored
CASCADING = "cascading"
LAYER = "layer"  # curves of positions of the layer, not of the input


@dataclass(frozen=True)
class Losses:
    """What a logit loses by each part of a layer: exactly, and as attribution says; any shape."""

    exact: Floats
    attributed: Floats

    @property
    def rank_correlation(self) -> float:
        """Spearman's correlation of both; NaN where one is constant."""
        return float(rank_correlation(self.exact.reshape(1, -1), self.attributed.reshape(1, -1))[0])


@dataclass(frozen=True)
class Curves:
    """A logit while positions of the layer are taken away or put in, the strongest first.

    Attributes
    ----------
    counts
        How many, (step).
    deletion
        The logit while they are taken away, (step).
    insertion
        The logit while they are put in, (step).
    mean
        Of deletion in random orders, (step).
    sd
        Standard deviation of the same, (step).
    """

    counts: Places
    deletion: Floats
    insertion: Floats
    mean: Floats
    sd: Floats


@dataclass(frozen=True)
class Randomised:
    """How alike the map is to those of networks with weights drawn anew, from the logits down.

    Attributes
    ----------
    above
        The layers down to which weights were drawn.
    curve
        Rank correlation at each of them.
    """

    above: tuple[str, ...]
    curve: Curve


@dataclass(frozen=True)
class LabelTrust:
    """What was measured of one label.

    Attributes
    ----------
    name
        The label's; a repeated name is followed by its index.
    losses
        By kind of part, ``positions``, ``channels``, ``groups``: beside each exact loss gradient x
        change of the network's own gradient; of positions the run's map, where parts are set to
        zero, as it counts from there.
    whole
        What the logit loses by the whole layer.
    attributed
        What attribution says of the same: the sum over positions.
    curves
        In the layer.
    randomised
        None without networks whose weights were drawn anew.
    """

    name: str
    losses: Mapping[str, Losses]
    whole: float
    attributed: float
    curves: Curves
    randomised: Randomised | None


@dataclass(frozen=True)
class TrustPanel:
    """What was measured of the map of the earlier layer of a run.

    Attributes
    ----------
    run
        The run.
    contrast
        The labels that it compares.
    pixels
        The input as the network sees it.
    labels
        One for each label of the contrast.
    baseline
        What a part was replaced by: ``zero`` or ``mean``.
    relative_error
        What neuron groups leave unexplained of the activations: norm of the rest over norm of all.
    orders
        Number of random orders of deletion.
    unit
        "logit", or "output" for a network without a head.
    """

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    labels: tuple[LabelTrust, ...]
    baseline: str
    relative_error: float
    orders: int
    unit: str

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> TrustPanel:
        """Read the files of a run.

        Raises ``BadFile`` if one is of another model, image, layer or gradient, and what
        `find_contrast` raises.
        """
        gradients = {"ablation1": "none", "groups1": "none", "scores1": run.override}
        found = {name: datasets.read(files.one(name)) for name in gradients}
        for name, override in gradients.items():
            wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
            check_origin(run, found[name], files.one(name), wanted | {"override": override})
        classes = datasets.read(files.one("classes2"))
        check_labels(run, found["ablation1"], files.one("ablation1"), classes)
        contrast = find_contrast(run.classes, classes)
        ablation, scores = found["ablation1"], found["scores1"]
        sanity = [datasets.read(path) for path in files.many("sanity1")]
        for path, dataset in zip(files.many("sanity1"), sanity, strict=True):
            wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
            check_origin(run, dataset, path, wanted | {"override": run.override})
            check_labels(run, dataset, path, classes)
        labels = (
            _label(
                name,
                ablation.isel(label=place),
                scores,
                _randomised(sanity[0], place) if sanity else None,
            )
            for name, place in zip(contrast.names, contrast.places, strict=True)
        )
        return cls(
            run=run,
            contrast=contrast,
            pixels=images.read_png(files.one("image"))[0],
            labels=tuple(labels),
            baseline=str(ablation.attrs["baseline"]),
            relative_error=float(found["groups1"].attrs["relative_error"]),
            orders=int(scores.attrs["random_orders"]),
            unit=unit_name(ablation),
        )


def _label(
    name: str, ablation: xr.Dataset, scores: xr.Dataset, randomised: Randomised | None
) -> LabelTrust:
    """Take one label out of the losses of all labels, at which ``ablation`` stands, and of scores.

    Raises ``BadFile`` where the scores do not hold it.
    """
    places = np.flatnonzero(scores["index"].to_numpy() == int(ablation["index"]))
    if not len(places):
        raise BadFile(
            f"the file of scores holds {', '.join(map(str, scores['label'].values))}, but not "
            f"'{name}'; regenerate it"
        )
    scored = scores.isel(label=places[0]).sel(baseline=LAYER)
    shown = scores["maps"].isel(label=places[0]).sel(map=OWN).transpose("row", "col").to_numpy()
    own = scored.sel(map=OWN)
    losses = {
        kind: Losses(ablation[kind].to_numpy(), ablation[f"{kind}_linear"].to_numpy())
        for kind in ("positions", "channels", "groups")
    }
    if ablation.attrs["baseline"] == "zero":
        exact = ablation["positions"].transpose("row", "col").to_numpy()
        losses["positions"] = Losses(exact, shown)
    return LabelTrust(
        name=name,
        losses=losses,
        whole=float(ablation["all"]),
        attributed=float(losses["positions"].attributed.sum(dtype=np.float64)),
        curves=Curves(
            counts=np.rint(own["share"].to_numpy() * shown.size).astype(np.intp),
            deletion=own["deletion"].to_numpy(),
            insertion=own["insertion"].to_numpy(),
            mean=scored["random_mean"].to_numpy(),
            sd=scored["random_sd"].to_numpy(),
        ),
        randomised=randomised,
    )


def _randomised(sanity: xr.Dataset, label: int) -> Randomised | None:
    """Take one label's numbers of networks that lost all weights from the logits down."""
    places = zip(places_of(sanity), curve_of(sanity, "rank_correlation", label), strict=True)
    known = [(place.above, point) for place, point in places if place.kind == CASCADING]
    if not known:
        return None
    above, points = zip(*known, strict=True)
    return Randomised(above, points)
