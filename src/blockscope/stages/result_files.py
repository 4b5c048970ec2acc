"""Result files read back: loaded for Python, or described with their axes and provenance."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from blockscope.config.stages import STAGES
from blockscope.io import datasets, provenance
from blockscope.io.atomic_files import require_file
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.io.images import read_png
from blockscope.io.label_selection import select_labels
from blockscope.models.card import ModelCard

LOADED = (*datasets.ENDINGS, ".png", ".json")


def load(
    path: str | os.PathLike[str], labels: Sequence[str | int] | None = None
) -> xr.Dataset | ModelCard:
    """Load any result file; does not import TensorFlow.

    Parameters
    ----------
    path
        A file that ends in ``.h5``, ``.zarr.zip``, ``.png``, or a ``model.json``.
    labels
        Names of labels, or their positions in the logits: only these, in this order, are returned.
        By default all.

    Returns
    -------
    content
        A dataset of named arrays in memory, with its provenance in ``attrs``. For a PNG it holds
        ``image``, uint8 (row, col, rgb); a ``model.json`` gives the model's card.

    Raises
    ------
    BadFile
        The file is missing, damaged, of another kind, or not made by blockscope.
    BlockscopeError
        ``labels`` are given, and the file has none.
    UnknownName
        One of ``labels`` is not in the file, or is a name that occurs twice.
    """
    source = Path(path)
    if not source.name.endswith(LOADED):
        raise BadFile(f"'{source}' cannot be loaded; valid endings: {', '.join(LOADED)}")
    require_file(source, "result file")
    if source.name.endswith(datasets.ENDINGS):
        found = datasets.read(source)
        return found if labels is None else select_labels(found, labels, str(source))
    if labels is not None:
        raise BlockscopeError(f"'{source}' has no labels to choose from; leave out labels=")
    if source.suffix == ".json":
        return ModelCard.read(source)
    pixels, facts = read_png(source)
    return xr.Dataset({"image": (("row", "col", "rgb"), pixels)}, attrs=facts)


def describe(path: str | os.PathLike[str]) -> str:
    """Return what a result file holds, its axes and its provenance, as text.

    Raises ``BadFile`` for a file that is missing, damaged or not made by blockscope.
    """
    source = require_file(path, "file")
    if source.name == "graph.pb" and source.with_name("model.json").is_file():
        return describe(source.with_name("model.json"))
    facts = provenance.read(source)
    stage = str(facts[provenance.STAGE_KEY])
    lines = []
    if source.name.endswith(datasets.ENDINGS):
        lines += _arrays(datasets.read(source))
    elif stage in {"model", "randomised_model"}:
        lines += describe_card(ModelCard.read(source))
    elif source.suffix == ".tsv":
        lines += [_table(source)]
    elif source.suffix == ".png":
        with Image.open(source) as image:
            lines += [f"Image: {image.height} x {image.width} pixels (row x col)"]
    width = max(map(len, facts))
    origin = ["Provenance", *(f"  {k:<{width}}  {v}" for k, v in facts.items())]
    parts = [[f"{source}: {STAGES[stage].summary if stage in STAGES else stage}"], lines, origin]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _arrays(dataset: xr.Dataset) -> list[str]:
    axes = ", ".join(f"{name} {size}" for name, size in dataset.sizes.items())
    lines = [f"Axes: {axes}", "Arrays"]
    for name, array in dataset.variables.items():
        kind = str(array.dtype) if array.dtype.kind in "biuf" else "text"
        note = ", ".join(str(array.attrs[k]) for k in ("long_name", "units") if k in array.attrs)
        parts = [f"{name} ({', '.join(map(str, array.dims))}) {kind}", _extent(array)]
        lines.append("  " + "  ".join(filter(None, [*parts, note and f"[{note}]"])))
    return lines


def _extent(array: xr.Variable) -> str:
    """Return the range of numbers, and how many are NaN."""
    if array.dtype.kind not in "iuf" or not array.size:
        return ""
    numbers = array.to_numpy().ravel()
    missing = np.isnan(numbers)
    known = numbers[~missing]
    extent = f"{known.min():.6g} to {known.max():.6g}" if known.size else "no numbers"
    return f"{extent}, {np.count_nonzero(missing)} not a number" if missing.any() else extent


def _table(source: Path) -> str:
    try:
        table = pd.read_csv(source, sep="\t", comment="#")
    except ValueError as error:
        raise BadFile(f"table '{source}' cannot be read: {error}") from error
    return f"Table of {counted(len(table), 'row')}: {', '.join(table.columns)}"


def _logits(card: ModelCard) -> str:
    """Name the logits, what follows them, and the tensor behind them that was asked for."""
    if card.head == "none":
        return f"Outputs (head: none): {card.logits}"
    of = f", before '{card.asked}'" if card.asked else ""
    assumed = ", assumed: nothing says what follows the logits" if card.head_assumed else ""
    return f"Logits (head: {card.head}{assumed}): {card.logits}{of}"


def _randomised(card: ModelCard) -> list[str]:
    """Say which weights were drawn anew, of a network that is made of another one."""
    made = card.randomised
    if made is None:
        return []
    drawn = f"{counted(len(made.weights), 'tensor')} {made.method}"
    how = made.randomise
    lines = [f"Made of {made.source} ({how.kind}): {how.in_words()}: {drawn}"]
    if made.even:
        lines.append(f"Not drawn, since all values are equal: {', '.join(made.even)}")
    return lines


def describe_card(card: ModelCard) -> list[str]:
    """Return what a network takes and gives, and its layers, as lines of text."""
    rows, cols = card.input.size
    named = len(card.label_table)
    lines = [
        f"Input: {card.input.tensor}, {rows} x {cols} pixels, {card.input.in_words()}",
        *(f"Fed: {name} = {value}" for name, value in card.input.fed.items()),
        *(f"Random numbers that change nothing: {name}" for name in card.undrawn),
        *(
            [f"Computed in float32; the file also has {', '.join(card.floats)}"]
            if card.floats
            else []
        ),
        *(
            [f"Gradients of their own that the file does not hold: {card.custom_gradients}"]
            if card.custom_gradients
            else []
        ),
        *_randomised(card),
        f"{_logits(card)}, {card.outputs} in all, {named} with a label",
        f"Layers ({len(card.layers)}): row x col x channel",
    ]
    width = max((len(layer.name) for layer in card.layers), default=0)
    lines += [f"  {x.name:<{width}}  {' x '.join(map(str, x.shape))}  {x.op}" for x in card.layers]
    if card.several:
        listed = ", ".join(f"{name} ({len(tensors)})" for name, tensors in card.several.items())
        lines.append(f"Names of several tensors (give one of these): {listed}")
    repeated = card.label_table.repeated()
    if repeated:
        listed = "; ".join(f"{name}: {', '.join(map(str, at))}" for name, at in repeated.items())
        lines.append(f"Labels that occur more than once (give their index): {listed}")
    return lines
