"""All scores of maps at one layer and image, as one dataset.

The maps may come from anywhere. What is scored is each label's logit, not its probability: a
softmax lets a label lose where another one gains, and hides every change where it saturates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.attribution.one_image import check_one_image, check_pixels
from blockscope.attribution.perturbation import in_input, in_layer, stand_ins
from blockscope.attribution.scores.cells import over_pixels
from blockscope.attribution.scores.curves import (
    STEPS,
    area,
    curves_of,
    knowing_ends,
    random_curves,
)
from blockscope.attribution.scores.ground_truth import (
    average_precision,
    mass_accuracy,
    pointing_game,
    rank_accuracy,
)
from blockscope.attribution.scores.infidelity import SETS, infidelity, random_sets
from blockscope.attribution.scores.sparseness import gini
from blockscope.autodiff.gradient_overrides import find_override
from blockscope.autodiff.gradients import Gradients
from blockscope.io.counts import counted
from blockscope.io.datasets import as_float32
from blockscope.io.masks import Mask
from blockscope.models.entry import Head, unit_of
from blockscope.models.network import Network

Floats = npt.NDArray[np.floating]

KINDS = "fiub"  # of numbers that maps may have, by NumPy's letters

OBJECT_SCORES: Mapping[str, tuple[Callable[[Floats, Mask], float], str]] = {
    "pointing_game": (pointing_game, "whether the strongest pixel is in the label's object"),
    "mass_accuracy": (mass_accuracy, "share of positive values in the label's object"),
    "rank_accuracy": (rank_accuracy, "share of the strongest pixels in the label's object"),
    "average_precision": (average_precision, "average precision of pixels for the object"),
}


class LayerScores:
    """Scores for any number of maps of some labels; what they share is computed once."""

    def __init__(
        self,
        network: Network,
        pixels: npt.NDArray[np.uint8],
        gradients: Gradients,
        indexes: Sequence[int],
        head: Head = "softmax",
        memory_mb: int = 2048,
        seed: int = 0,
        orders: int = 5,
    ) -> None:
        """Evaluate random orders and random sets of positions.

        Cost: for each baseline of the input ``9 * orders + 2`` passes from the pixels on, and two.

        Parameters
        ----------
        network
            The network.
        pixels
            The image, uint8 (row, col, rgb), of the network's input size.
        gradients
            The network from the layer on, without an override.
        indexes
            The labels' positions in the logits.
        head
            Of the network, for the unit.
        memory_mb
            Bounds the batches; does not change the result.
        seed
            Of random orders and sets.
        orders
            Number of random orders, at least two.

        Raises
        ------
        ValueError
            For fewer orders, which have no standard deviation.
        BadFile
            For pixels of another size or kind, gradients of another image or network, those of an
            override, and logits that are not finite.
        UnknownName
            For an index that is no place in the logits, and for none.
        """
        if orders < 2:
            raise ValueError(f"{counted(orders, 'random order')} asked for; give at least 2")
        check_pixels(pixels, network.spec)
        entrance = Gradients(
            network, network.values(pixels), network.spec.tensor, gradients.target,
            find_override("none"),
        )  # fmt: skip
        check_one_image(entrance, gradients)
        size = (gradients.value.shape[0], gradients.value.shape[1])
        others = stand_ins(pixels)
        inner = STEPS - 1  # points of a curve, of which every baseline shares the sets
        expected = (orders + 2) * inner  # one map has two curves
        inputs = in_input(
            network, entrance, list(others.values()), indexes, memory_mb, expected
        )  # fmt: skip
        layer = in_layer(gradients, indexes, memory_mb, expected + SETS)
        self._baselines = (*others, "layer")
        self._evaluate = knowing_ends(
            lambda kept: np.concatenate([inputs(kept), layer(kept)[..., None]], axis=-1), size
        )
        self._image_size = (pixels.shape[0], pixels.shape[1])
        self._unit = unit_of(head)
        self._sets = random_sets(size, SETS, seed)
        whole = self._evaluate(np.ones((1, *size), bool))[..., -1]
        self._losses = whole - layer(~self._sets)
        self._random = random_curves(size, self._evaluate, orders, seed)
        self._words = f"of {counted(orders, 'random order')}"

    def score(self, maps: Floats, masks: Sequence[Mask | None] = ()) -> xr.Dataset:
        """Return the scores of maps (map, label, row, col), labels as given to the class.

        ``masks``: the pixels of each label's object, None for a label without one; no scores
        against masks where there are none at all. Raises ``BadFile`` for maps that are not finite,
        ``ValueError`` for maps of another shape, and for none.
        """
        maps = np.asarray(maps)
        wanted = (self._losses.shape[1], *self._sets.shape[1:])
        if (
            maps.ndim != 4
            or maps.shape[1:] != wanted
            or not len(maps)
            or maps.dtype.kind not in KINDS
        ):
            raise ValueError(
                f"maps have shape {maps.shape} of {maps.dtype}, expected numbers (map, label, row, "
                f"col), at least one map, the last three {wanted}"
            )
        if len(masks) not in (0, wanted[0]):
            raise ValueError(
                f"{counted(len(masks), 'mask')} for {counted(wanted[0], 'label')}; give one, or "
                "None, for each label"
            )
        found = self._faithfulness(maps)
        found["sparseness"] = (("map", "label"), as_float32(gini(maps)), _note("Gini index"))
        words = "mean squared error of the scaled map for random sets of positions"
        error = as_float32(infidelity(maps, self._sets, self._losses))
        found["infidelity"] = (("map", "label"), error, _note(words, f"{self._unit}^2"))
        if any(mask is not None for mask in masks):
            found |= self._against(maps, masks)
        return xr.Dataset(found, coords={"baseline": list(self._baselines)})

    def _faithfulness(self, maps: Floats) -> dict[str, tuple[object, ...]]:
        curves = curves_of(maps, self._evaluate)
        counts = curves.counts
        axes, unit = ("map", "label", "baseline"), self._unit
        found: dict[str, tuple[object, ...]] = {
            "share": (("share",), as_float32(counts / counts[-1]), _note("share of positions"))
        }
        for kind, words in (("deletion", "taken away"), ("insertion", "put in")):
            values = getattr(curves, kind)
            note = _note(f"{unit} where the strongest positions are {words}", unit)
            found[kind] = ((*axes, "share"), as_float32(values), note)
            note = _note(f"area under the {kind} curve", unit)
            found[f"{kind}_area"] = (axes, as_float32(area(values, counts)), note)
        random = self._random.deletion
        areas = area(random, counts)
        for name, values, last in (("random", random, ("share",)), ("random_area", areas, ())):
            what = "area under the curve" if name == "random_area" else f"{unit} without positions"
            for ending, measure in (("mean", values.mean(0)), ("sd", values.std(0, ddof=1))):
                note = _note(f"{what}, {ending} {self._words}", unit)
                found[f"{name}_{ending}"] = (
                    ("label", "baseline", *last), as_float32(measure), note,
                )  # fmt: skip
        return found

    def _against(self, maps: Floats, masks: Sequence[Mask | None]) -> dict[str, tuple[object, ...]]:
        pixels = over_pixels(maps, self._image_size)
        found: dict[str, tuple[object, ...]] = {}
        for name, (measure, words) in OBJECT_SCORES.items():
            values = np.full(maps.shape[:2], np.nan)
            for place in np.ndindex(values.shape):
                mask = masks[place[1]]
                if mask is not None:
                    values[place] = measure(pixels[place], mask)
            found[name] = (("map", "label"), as_float32(values), _note(words))
        shares = [np.nan if mask is None else mask.mean() for mask in masks]
        found["object_share"] = (
            ("label",), as_float32(shares), _note("share of the image that the object covers")
        )  # fmt: skip
        return found


def _note(words: str, unit: str = "1") -> dict[str, str]:
    return {"long_name": words, "units": unit}
