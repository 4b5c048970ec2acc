"""Composing a printed panel by its name, and writing one to files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.finished_svg import finished
from blockscope.figures.print.parts.sheet import STYLE, Sheet, missing_letters_allowed
from blockscope.figures.style import Style
from blockscope.io.atomic_files import atomic_write
from blockscope.io.errors import BlockscopeError, unknown_name


def compose(panel: str, run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place a panel on a sheet.

    Raises ``UnknownName`` for another panel, and what reading its files raises.
    """
    if panel not in PANELS:
        raise unknown_name("panel", panel, PANELS, "column panels of the table of runs")
    module = import_module(PANELS[panel].print_module)
    place: Callable[[RunRow, PanelFiles, Style], Sheet] = module.compose
    return place(run, files, style)


def write_sheet(
    sheet: Sheet,
    outputs: Mapping[str, str | os.PathLike[str]],
    facts: Mapping[str, str | int | float],
    dpi: int = 300,
) -> None:
    """Write a sheet to files that record where they come from.

    ``outputs`` has a path for each wanted format: "pdf", "svg", "png". ``facts``, the provenance,
    is stored as JSON in the PNG's text chunk "blockscope", the PDF's keywords and the SVG's
    metadata. What the sheet shows, in words, is the SVG's description, the PDF's subject and the
    PNG's text chunk "Description". The same sheet and facts give the same bytes.

    Raises ``BlockscopeError`` for another format.
    """
    unknown = sorted(set(outputs) - set(_METADATA))
    if unknown:
        raise BlockscopeError(
            f"figure format {', '.join(unknown)} is not written; valid: {', '.join(_METADATA)}"
        )
    record = json.dumps(dict(facts))
    figures: dict[int | None, Figure] = {}  # the PDF and the SVG share one
    for kind, path in outputs.items():
        metadata, shown_at = _METADATA[kind](sheet, record), dpi if kind == "png" else None
        with atomic_write(path) as temporary, mpl.rc_context(STYLE), missing_letters_allowed():
            if shown_at not in figures:
                figures[shown_at] = sheet.figure(shown_at)
            figures[shown_at].savefig(
                temporary, format=kind, dpi=dpi, metadata=metadata, **_OPTIONS.get(kind, {})
            )
            if kind == "svg":
                drawn = temporary.read_text(encoding="utf-8")
                told = finished(drawn, sheet.title, sheet.description)
                temporary.write_text(told, encoding="utf-8", newline="\n")


# A level of 4 takes half the time of 6, the default, for files that are 2 to 6 % larger.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {"png": {"pil_kwargs": {"compress_level": 4}}}
# Without a date, which would differ from one writing to the next.
_METADATA: Mapping[str, Callable[[Sheet, str], dict[str, str | None]]] = {
    "pdf": lambda sheet, record: {
        "Title": sheet.title,
        "Subject": sheet.description,
        "Keywords": record,
        "CreationDate": None,
    },
    "svg": lambda sheet, record: {"Title": sheet.title, "Description": record, "Date": None},
    "png": lambda sheet, record: {
        "Title": sheet.title,
        "Description": sheet.description,
        "blockscope": record,
    },
}
