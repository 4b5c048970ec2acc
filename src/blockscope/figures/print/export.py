"""The printed panels by their names, and writing one of them to files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl

from blockscope.figures.data.request import Asked
from blockscope.figures.print.activation_grid import compose_grid
from blockscope.figures.print.channels import compose_channels
from blockscope.figures.print.dictionary import compose_dictionary
from blockscope.figures.print.groups import compose_groups
from blockscope.figures.print.methods import compose_methods
from blockscope.figures.print.neuron_groups import compose_neurons
from blockscope.figures.print.overrides import compose_overrides
from blockscope.figures.print.sheet import STYLE, Sheet
from blockscope.figures.print.spatial import compose_spatial
from blockscope.figures.style import Style
from blockscope.io.atomic_files import atomic_write
from blockscope.io.errors import BlockscopeError, unknown_name

Files = Mapping[str, Any]
Compose = Callable[[Asked, Files, Style], tuple[Sheet, float]]

PANELS: Mapping[str, Compose] = {
    "groups": compose_groups,
    "spatial": compose_spatial,
    "overrides": compose_overrides,
    "channels": compose_channels,
    "methods": compose_methods,
    "neurons": compose_neurons,
    "grid": compose_grid,
    "dictionary": compose_dictionary,
}
"""Each reads the files of a run and places everything on a sheet, whose height it returns too."""


def write_panel(
    name: str,
    asked: Asked,
    files: Files,
    outputs: Mapping[str, str | os.PathLike[str]],
    facts: Mapping[str, str | int | float],
    style: Style | None = None,
) -> None:
    """Draw a panel of a run and write it; the arguments behind are those of `write_sheet`.

    files   the files that the panel is drawn from, by the names of ``config.paths.panel_files``

    Raises ``UnknownName`` for another panel.
    """
    if name not in PANELS:
        raise unknown_name("panel", name, PANELS, "column panels of the table of runs")
    style = style or Style()
    sheet, height = PANELS[name](asked, files, style)
    write_sheet(sheet, height, outputs, facts, style.dpi)


def write_sheet(
    sheet: Sheet,
    height: float,
    outputs: Mapping[str, str | os.PathLike[str]],
    facts: Mapping[str, str | int | float],
    dpi: int = 300,
) -> None:
    """Write a sheet to files that record where they come from.

    height    of the paper, in mm
    outputs   path for each wanted format: "pdf", "svg", "png"
    facts     provenance, stored as JSON in the PNG's text chunk "blockscope", the PDF's keywords
              and the SVG's description

    The same sheet and facts give the same bytes. Raises ``BlockscopeError`` for another format.
    """
    unknown = sorted(set(outputs) - set(_METADATA))
    if unknown:
        raise BlockscopeError(
            f"figure format {', '.join(unknown)} is not written; valid: {', '.join(_METADATA)}"
        )
    figure = sheet.figure(height)
    record, title = json.dumps(dict(facts)), sheet.title
    for kind, path in outputs.items():
        metadata: dict[str, Any] = _METADATA[kind](title, record)
        with atomic_write(path) as temporary, mpl.rc_context(STYLE):
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=metadata)


_METADATA = {
    "pdf": lambda title, record: {"Title": title, "Keywords": record, "CreationDate": None},
    "svg": lambda title, record: {"Title": title, "Description": record, "Date": None},
    "png": lambda title, record: {"Title": title, "blockscope": record},
}
