"""The stage "sanity": maps of a network compared with those of networks with other weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.sanity import RandomisedMaps, compare_maps
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.randomised_entry import KINDS

SHARED = ("image", "image_sha256", "layer", "override")


def write_sanity(
    *,
    card: FilePath,
    classes: FilePath,
    cards: Sequence[FilePath],
    randomised: Sequence[FilePath],
    output: FilePath,
) -> None:
    """Write how alike the maps of all labels are to those of networks with weights drawn anew.

    Parameters
    ----------
    card
        The card of the trained network.
    classes
        Its attribution of all labels to the positions of a layer.
    cards
        The cards of the other networks, in any order.
    randomised
        Their attributions, in the same order.
    output
        HDF5, see ``compare_maps``; places of a kind are in order from the logits down.

    Raises
    ------
    BadFile
        A network was not made of the trained one, or files are of different images, layers, labels
        or overrides.
    """
    model, own = ModelCard.read(card), datasets.read(classes)
    _check(classes, own.attrs.get("model"), model.model, "model")
    found = [
        _read(model, own, ModelCard.read(of), path)
        for of, path in zip(cards, randomised, strict=True)
    ]
    layers = list(model.by_name)
    found.sort(key=lambda one: (KINDS.index(one.kind), -_depth(one.above, layers), one.seed))
    dataset = compare_maps(_maps(own), found)
    for place in ("label", "index", "logit", "probability", "output"):
        if place in own.coords:
            dataset = dataset.assign_coords({place: own[place]})
    missing = np.isnan(dataset["rank_correlation"].to_numpy()).sum(1)
    for network, count in zip(dataset["network"].to_numpy(), missing, strict=True):
        if count:
            tqdm.write(
                f"{network}: {count} of {dataset.sizes['label']} maps, or those of "
                f"{model.model}, are constant: no number is written for them",
                file=sys.stderr,
            )
    facts = provenance.record("sanity", **provenance.inherited(own.attrs), networks=len(found))
    datasets.write_h5(output, dataset.assign_attrs(facts))


def _depth(above: str, layers: list[str]) -> int:
    return layers.index(above) if above in layers else -1  # the input


def _read(model: ModelCard, own: xr.Dataset, card: ModelCard, path: FilePath) -> RandomisedMaps:
    """Return the maps of a network that was made of another one; raises what the stage raises."""
    made = card.randomised
    if made is None or made.source != model.model or made.graph_sha256 != model.graph_sha256:
        raise BadFile(
            f"network '{card.model}' was not made of '{model.model}' as it is now; delete its "
            "graph.pb, and it is made again"
        )
    maps = datasets.read(path)
    _check(path, maps.attrs.get("model"), card.model, "model")
    for key in SHARED:
        _check(path, maps.attrs.get(key), own.attrs.get(key), key)
    if not np.array_equal(maps["index"], own["index"]):
        raise BadFile(f"'{path}' has other labels than the maps of '{model.model}'")
    asked, layer = made.randomise, str(own.attrs["layer"])
    moved = asked.above == model.input.tensor or model.is_after(layer, asked.above)
    return RandomisedMaps(card.model, asked.above, asked.kind, asked.seed, moved, _maps(maps))


def _maps(classes: xr.Dataset) -> npt.NDArray[np.floating]:
    found: npt.NDArray[np.floating] = classes["attribution"].transpose("label", "row", "col").values
    return found


def _check(path: FilePath, found: object, wanted: object, key: str) -> None:
    if found != wanted:
        raise BadFile(f"'{Path(path)}' is of {key} '{found}', expected '{wanted}'; regenerate it")
