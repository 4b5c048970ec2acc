"""The stage "sanity": maps of a network compared with those of networks with other weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from tqdm import tqdm

from blockscope.attribution.scores.sanity import WORDS, RandomisedMaps, compare_maps
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import told
from blockscope.io.tsv import write_tsv
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
    output_table: FilePath,
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
    output_table
        TSV, see ``sanity_table``.

    Raises
    ------
    BadFile
        A network was not made of the trained one, or files are of different images, layers, labels
        or overrides.
    """
    model, own = ModelCard.read(card), datasets.read(classes)
    provenance.check_origin(own.attrs, classes, {"model": model.model})
    others = [ModelCard.read(of) for of in cards]
    found = [_read(model, own, of, path) for of, path in zip(others, randomised, strict=True)]
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
                f"{network}: of {counted(dataset.sizes['label'], 'label')}, {count} with a map "
                f"here or in {model.model} that is constant: no number is written for these",
                file=sys.stderr,
            )
    made = told([*(of.provenance for of in others), own.attrs])  # the entries of all networks
    inherited = provenance.inherited(own.attrs) | made
    facts = provenance.record("sanity", **inherited, networks=len(found))
    datasets.write_h5(output, dataset.assign_attrs(facts))
    write_tsv(output=output_table, table=sanity_table(dataset), facts=facts)


def sanity_table(dataset: xr.Dataset) -> pd.DataFrame:
    """Return a row for each network and label, a column for each measure."""
    measures = dataset[list(WORDS)]
    places = dataset[["kind", "above", "moved"]].isel(place=dataset["network_place"])
    known = {name: ("network", array.to_numpy()) for name, array in places.coords.items()}
    table = measures.assign(known).reset_coords(["index", "seed"])
    columns = ["network", "kind", "above", "moved", "seed", "label", "index", *WORDS]
    return table.to_dataframe(["network", "label"]).reset_index()[columns]


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
    shared = {key: own.attrs.get(key) for key in SHARED}
    provenance.check_origin(maps.attrs, path, {"model": card.model} | shared)
    if not np.array_equal(maps["index"], own["index"]):
        raise BadFile(f"'{path}' has other labels than the maps of '{model.model}'")
    asked, layer = made.randomise, str(own.attrs["layer"])
    moved = asked.above == model.input.tensor or model.is_after(layer, asked.above)
    return RandomisedMaps(card.model, asked.above, asked.kind, asked.seed, moved, _maps(maps))


def _maps(classes: xr.Dataset) -> npt.NDArray[np.floating]:
    maps = classes["attribution"].transpose("label", "row", "col")
    found: npt.NDArray[np.floating] = maps.to_numpy()
    return found
