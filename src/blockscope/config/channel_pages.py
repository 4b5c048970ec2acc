"""What the pages of a layer's channels are made of, and which runs they lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from blockscope.config.panels import PANELS
from blockscope.config.result_paths import (
    channel_pages,
    exemplar_sheet,
    exemplars_file,
    known_files,
    layer_in_path,
    model_folder,
    page_of,
)
from blockscope.config.settings import RunRow


def datasets_of(runs: Iterable[RunRow], model: str, layer: str) -> list[str]:
    """Return the data sets whose exemplars show a layer's channels, sorted.

    They are those of the runs that show the layer, whose images go through it anyway; of a layer
    that no run shows, those of all runs of the network.
    """
    rows = [row for row in runs if row.model == model and row.dataset]
    own = [row for row in rows if layer in row.layers]
    return sorted({row.dataset for row in own or rows})


def layers_with_pages(runs: Iterable[RunRow]) -> list[tuple[str, str]]:
    """Return network and layer wherever the channels have pages, in the order of the runs."""
    named = [(row.model, layer) for row in runs if row.dataset for layer in row.layers]
    return list(dict.fromkeys(named))


def first_pages(
    runs: Iterable[RunRow], placed: Callable[[str], str] = str
) -> list[tuple[str, str, str]]:
    """Return network, layer and first page wherever the channels have pages."""
    named = layers_with_pages(runs)
    return [(model, layer, placed(channel_pages(model, layer)[0])) for model, layer in named]


def files_of_page(
    runs: Iterable[RunRow], model: str, layer: str, rendered: bool
) -> dict[str, list[str]]:
    """Return the files that the pages of a layer are made from, beside the network's card."""
    rows = [row for row in runs if row.model == model]
    names = datasets_of(rows, model, layer)
    sheets = [f"{exemplar_sheet(model, name, layer)}.zarr.zip" for name in names]
    sprites = f"{model_folder(model)}/sprites/{layer_in_path(layer)}.zarr.zip"
    return {
        "exemplars": [exemplars_file(model, name, layer) for name in names],
        "sheets": sheets,
        "sprites": [sprites] if rendered else [],
        "drivers": list(dict.fromkeys(_drivers(rows, layer))),
        "read": list(dict.fromkeys(
            file for use in uses_of(rows, model, layer) for file in (use["channels"], use["labels"])
        )),
    }  # fmt: skip


def uses_of(
    runs: Iterable[RunRow], model: str, layer: str, placed: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    """Return the runs whose panels show channels of a layer, and the files that say which.

    ``placed`` returns where a file is that has this name, as below the prefix of a module.
    """
    return [
        {
            "run": row.run,
            "panel": panel,
            "page": placed(page_of(row.run)),
            "classes": list(row.classes),
            "channels": placed(str(known[f"channels{place}"])),
            "labels": placed(str(known["classes2"])),
        }
        for row in runs
        if row.model == model and layer in row.layers
        for place in (row.layers.index(layer) + 1,)
        for panel in _first_that_shows(row, f"channels{place}")
        for known in (known_files(row, 1, rendered=False),)
    ]


def _first_that_shows(row: RunRow, name: str) -> list[str]:
    return [panel for panel in row.panels if name in PANELS[panel].inputs][:1]


def _drivers(rows: Iterable[RunRow], layer: str) -> Iterator[str]:
    for row in rows:
        if layer in row.layers and any("drivers" in PANELS[p].page_files for p in row.panels):
            yield str(known_files(row, 1, rendered=False)["drivers"])
