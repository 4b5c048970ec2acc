"""The stage "page": the figure of a run as a self-contained page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from blockscope.config.settings import RunRow
from blockscope.figures.data.figure_facts import figure_facts
from blockscope.figures.data.panel_files import PanelFiles, Paths
from blockscope.figures.page.run_page import page_html
from blockscope.figures.style import Style
from blockscope.io.atomic_files import atomic_write_text


def write_page(
    *,
    output: str | os.PathLike[str],
    run: Mapping[str, object],
    panels: Sequence[str],
    style: Mapping[str, object],
    files: Mapping[str, Paths],
    gallery: str | os.PathLike[str] | None = None,
) -> None:
    """Write the page of a run.

    Parameters
    ----------
    output
        The page; links in it are relative to its folder, which has the printed panels too.
    run
        ``RunRow.figure_params``.
    panels
        What it shows, in order: names in ``blockscope.config.panels``.
    style
        The options of `Style` as plain data.
    files
        The image and what the panels are drawn from, as ``result_paths.page_files`` names them.
    gallery
        The page of all runs, to link back to.

    Raises
    ------
    UnknownName
        For a label that the network does not have.
    BadFile
        Where a file is damaged or not of this run, or the page would be larger than 3 MB.
    """
    row, found = RunRow.model_validate(run), PanelFiles(files)
    facts = figure_facts("page", row, found, style, panels)
    drawn = Style.model_validate(style)
    atomic_write_text(output, page_html(output, row, panels, found, facts, drawn, gallery))
