"""Maps of several methods for the labels of a run, and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from blockscope.config.settings import RunRow
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.contrasts import Contrast, find_contrast
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.provenance_checks import check_origin
from blockscope.io import datasets, images
from blockscope.io.errors import BadFile

NAMES: Mapping[str, str] = {
    "attribution": "attribution",
    "hires_cam": "HiResCAM",
    "grad_cam": "Grad-CAM",
    "layer_cam": "LayerCAM",
    "gradient": "gradient",
    "integrated_gradients": "int. gradients",
}
"""What figures call the maps."""

AREAS = tuple((kind, base) for kind in ("deletion", "insertion") for base in ("blur", "layer"))
SMALL = ("sensitivity", "infidelity")  # good where small
ON_OBJECT = ("pointing_game", "mass_accuracy", "rank_accuracy", "average_precision")


@dataclass(frozen=True)
class Score:
    """One score of all maps, (map); ``best``: the better direction, -1, 1, or 0 for neither.

    ``chance`` is what knows nothing gets, with its standard deviation; None where that is unknown.
    """

    name: str
    values: Floats
    best: int
    chance: tuple[float, float] | None = None

    @property
    def leading(self) -> frozenset[int]:
        """The places of the best maps; none where no direction is better, or all are equal."""
        known = self.values[~np.isnan(self.values)]
        if not self.best or len(known) < 2 or np.ptp(known) == 0:
            return frozenset()
        top = known.max() if self.best > 0 else known.min()
        return frozenset(np.flatnonzero(self.values == top).tolist())


@dataclass(frozen=True)
class Rivals:
    """The maps of one run at its earlier layer; ``maps`` is (map, label, row, col).

    ``scores`` has a list for each label of ``contrast``; ``orders`` is the number of random orders;
    ``pixels`` is the input.
    """

    run: RunRow
    contrast: Contrast
    pixels: Pixels
    names: tuple[str, ...]
    maps: Floats
    scores: tuple[tuple[Score, ...], ...]
    orders: int
    unit: str

    @classmethod
    def of_run(cls, run: RunRow, files: PanelFiles) -> Rivals:
        """Read the files of a run.

        Raises ``BadFile`` where the scores are not of the run's image, layer and gradient, or not
        of its labels.
        """
        labels = datasets.read(files.one("classes2"))
        contrast = find_contrast(run.classes, labels)
        path = files.one("scores1")
        found = datasets.read(path)
        wanted = {"model": run.model, "image": run.image, "layer": run.layer1}
        check_origin(run, found, path, wanted | {"override": run.override})
        places = contrast.places
        held = found["index"].to_numpy().tolist()
        wanted_labels = labels["index"].to_numpy()[places].tolist()
        if not set(wanted_labels) <= set(held):
            raise BadFile(
                f"run '{run.run}': '{path}' has no scores of {contrast.text}; regenerate it"
            )
        chosen = found.isel(label=[held.index(index) for index in wanted_labels])
        return cls(
            run,
            contrast,
            images.read_png(files.one("image"))[0],
            tuple(NAMES.get(str(name), str(name)) for name in found["map"].to_numpy()),
            chosen["maps"].transpose("map", "label", "row", "col").to_numpy(),
            tuple(_scores(chosen.isel(label=n)) for n in range(len(places))),
            int(found.attrs["random_orders"]),
            str(found["deletion_area"].attrs["units"]),
        )


def _scores(found: xr.Dataset) -> tuple[Score, ...]:
    """Return the scores of one label."""
    scores = []
    for kind, base in AREAS:
        at = found.sel(baseline=base)
        chance = float(at["random_area_mean"]), float(at["random_area_sd"])
        direction = 1 if kind == "insertion" else -1
        values = at[f"{kind}_area"].to_numpy()
        scores.append(Score(f"{kind}, {base}", values, direction, chance))
    scores += [Score(name, found[name].to_numpy(), -1) for name in SMALL]
    scores.append(Score("sparseness", found["sparseness"].to_numpy(), 0))
    if "object_share" in found and not np.isnan(found["object_share"]):
        chance = float(found["object_share"]), 0.0
        scores += [
            Score(name.replace("_", " "), found[name].to_numpy(), 1, chance) for name in ON_OBJECT
        ]
    return tuple(scores)
