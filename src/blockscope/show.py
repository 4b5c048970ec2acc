"""Telling what a result file is: its arrays with their axes, and where it comes from."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from blockscope import provenance, stores
from blockscope.models.card import Card

MEANING = {
    "model": "a network in normal form: what its graph takes, gives and contains",
    "input": "a picture as the network sees it",
    "activations": "values of one layer for one picture",
    "classes": "attribution of every label's logit to the positions of one layer",
    "factors": "a few patterns of positions with the labels they speak for",
    "groups": "figure of the attribution groups of a run",
    "page": "page of a run",
    "gallery": "gallery of all runs",
}


def describe(path: str | os.PathLike[str]) -> str:
    """Return what a result file is, its axes and its provenance, as text.

    Raises ``BadFile`` for a file that is missing, damaged or not made by blockscope.
    """
    source = Path(path)
    if source.name == "graph.pb" and source.with_name("model.json").is_file():
        return describe(source.with_name("model.json"))
    facts = provenance.of(source)
    stage = str(facts[provenance.FIRST])
    lines = [f"{source}: {MEANING.get(stage, stage)}", ""]
    if source.suffix == ".h5" or source.name.endswith(".zarr.zip"):
        lines += _arrays(stores.read(source))
    elif source.name == "model.json":
        lines += _card(Card.read(source))
    elif source.suffix == ".tsv":
        body = [line for line in source.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
        lines += [f"table of {len(body) - 1} rows: {', '.join(body[0].split(chr(9)))}"]
    width = max(map(len, facts))
    return "\n".join([*lines, "", "Provenance", *(f"  {k:<{width}}  {v}" for k, v in facts.items())])


def _arrays(dataset: xr.Dataset) -> list[str]:
    lines = ["Axes: " + ", ".join(f"{name} {size}" for name, size in dataset.sizes.items()), "Arrays"]
    for name, array in dataset.variables.items():
        axes = ", ".join(map(str, array.dims))
        kind = "text" if array.dtype.kind in "OUT" else str(array.dtype)
        note = ", ".join(str(array.attrs[key]) for key in ("long_name", "units") if key in array.attrs)
        values = ""
        if array.dtype.kind in "fi" and array.size:
            values = f"  {array.to_numpy().min():.6g} to {array.to_numpy().max():.6g}"
        lines.append(f"  {name} ({axes}) {kind}{values}{f'  [{note}]' if note else ''}")
    return lines


def _card(card: Card) -> list[str]:
    rows, cols = card.input.size
    low, high = card.input.range
    named = len(card.names)
    lines = [
        f"Input: {card.input.tensor}, {rows} x {cols} pixels, values {low:g} to {high:g}",
        f"Logits: {card.logits}, {card.outputs} of them, {named} with a label",
        f"Layers ({len(card.layers)}): row x col x channel",
    ]
    width = max(len(layer.name) for layer in card.layers)
    lines += [f"  {x.name:<{width}}  {' x '.join(map(str, x.shape))}  {x.op}" for x in card.layers]
    repeated = card.names.repeated()
    if repeated:
        listed = "; ".join(f"{name}: {', '.join(map(str, at))}" for name, at in repeated.items())
        lines.append(f"Labels that occur more than once (give their index): {listed}")
    return lines


