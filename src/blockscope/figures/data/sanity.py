"""How alike maps are to those of networks with weights drawn anew, for the labels of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_labels, check_origin
from blockscope.io import datasets
from blockscope.io.errors import BadFile

MEASURES = {
    "rank_correlation": "Rank correlation",
    "absolute_rank_correlation": "Rank correlation, no sign",
    "ssim": "SSIM",
    "absolute_ssim": "SSIM, no sign",
}
"""Titles of what is measured, by its name in the files."""


@dataclass(frozen=True)
class SanityPlace:
    """Networks whose weights were drawn above one layer.

    Attributes
    ----------
    above
        The layer.
    kind
        ``cascading`` or ``independent``.
    moved
        Whether the map's layer has other activations too.
    seeds
        How many networks.
    """

    above: str
    kind: str
    moved: bool
    seeds: int


@dataclass(frozen=True)
class Likeness:
    """A number at a place: mean and deviation over ``count`` networks; NaN without any."""

    mean: float
    deviation: float
    count: int

    @property
    def bar(self) -> float:
        """The deviation; 0 where there is none."""
        return 0.0 if math.isnan(self.deviation) else self.deviation

    @property
    def low(self) -> float:
        """The end of the bar below the mean."""
        return self.mean - self.bar

    @property
    def high(self) -> float:
        """The end of the bar above it."""
        return self.mean + self.bar


Curve = tuple[Likeness, ...]
"""A number for each place."""


@dataclass(frozen=True)
class SanityPanel:
    """The labels of a run and what is left of their maps.

    Attributes
    ----------
    run
        The run.
    contrast
        Its labels.
    places
        In order: cascading ones from the logits down, then the single blocks.
    curves
        By label, measure and override.
    """

    run: RunRow
    contrast: Contrast
    places: tuple[SanityPlace, ...]
    curves: dict[str, dict[str, dict[str, Curve]]]

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> SanityPanel:
        """Read the files of a run; raises ``BadFile`` where they do not belong together."""
        classes = datasets.read(files.one("classes2"))
        contrast = find_contrast(run.classes, classes)
        names = dict(zip(contrast.places, contrast.names, strict=True))
        curves: dict[str, dict[str, dict[str, Curve]]] = {
            name: {measure: {} for measure in MEASURES} for name in names.values()
        }
        places: tuple[SanityPlace, ...] = ()
        for path in files.many("override_sanity1"):
            found = datasets.read(path)
            _check(run, found, path, classes)
            own = places_of(found)
            if places and own != places:
                raise BadFile(
                    f"run '{run.run}': '{path}' compares with other networks than the files of the "
                    "other overrides; regenerate it"
                )
            places = own
            for label, name in names.items():
                for measure in MEASURES:
                    override = str(found.attrs["override"])
                    curves[name][measure][override] = curve_of(found, measure, label)
        return cls(run, contrast, places, curves)

    @property
    def lowest(self) -> float:
        """The lower end of all axes: 0, or the next quarter below all that is shown."""
        lows = [point.low for point in self.points() if point.count]
        return min(0.0, math.floor(4 * min(lows, default=0.0)) / 4)

    @property
    def constant(self) -> int:
        """How many maps of the labels had no number, over places and overrides."""
        wanted = [place.seeds for place in self.places]
        curves = [c for label in self.curves.values() for c in label["rank_correlation"].values()]
        return sum(
            seeds - point.count for c in curves for point, seeds in zip(c, wanted, strict=True)
        )

    def points(self) -> Iterator[Likeness]:
        """Yield every number."""
        for label in self.curves.values():
            for measure in label.values():
                for curve in measure.values():
                    yield from curve


def _check(run: RunRow, found: xr.Dataset, path: Path, classes: xr.Dataset) -> None:
    wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
    check_origin(run, found, path, wanted)
    check_labels(run, found, path, classes)


def places_of(found: xr.Dataset) -> tuple[SanityPlace, ...]:
    """Return the places of a file of the stage "sanity", in its order."""
    counts = np.bincount(found["network_place"].to_numpy(), minlength=found.sizes["place"])
    columns = (found[name].to_numpy() for name in ("above", "kind", "moved"))
    return tuple(
        SanityPlace(str(above), str(kind), bool(moved), int(count))
        for above, kind, moved, count in zip(*columns, counts, strict=True)
    )


def curve_of(found: xr.Dataset, measure: str, label: int) -> Curve:
    """Return what a file of the stage says of a label, by one of ``MEASURES``, at its places.

    ``label``: its place on the axis of labels.
    """
    arrays = (
        found[f"{measure}_{part}"].transpose("place", "label").to_numpy()[:, label]
        for part in ("mean", "deviation", "count")
    )
    return tuple(Likeness(float(m), float(d), int(n)) for m, d, n in zip(*arrays, strict=True))
