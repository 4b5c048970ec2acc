"""The stage "panel": one panel of a run's figure, for print."""

from __future__ import annotations

import os
from collections.abc import Mapping

from blockscope.config.settings import RunRow
from blockscope.figures.data.figure_facts import figure_facts
from blockscope.figures.data.panel_files import PanelFiles, Paths
from blockscope.figures.print.export import compose, write_sheet
from blockscope.figures.style import Style


def write_panel(
    *,
    panel: str,
    run: Mapping[str, object],
    style: Mapping[str, object],
    files: Mapping[str, Paths],
    outputs: Mapping[str, str | os.PathLike[str]],
) -> None:
    """Draw a panel of a run.

    Parameters
    ----------
    panel
        Its name in ``blockscope.config.panels``.
    run
        ``RunRow.figure_params``.
    style
        The options of `Style`, as plain data.
    files
        The image and what the panel is drawn from, as ``result_paths.panel_files`` names them.
    outputs
        A path for each format: "pdf", "svg", "png".

    Raises
    ------
    UnknownName
        For another panel, or for a label that the network does not have.
    BadFile
        Where a file is damaged, or not of this run.
    """
    row, drawn, found = RunRow.model_validate(run), Style.model_validate(style), PanelFiles(files)
    sheet = compose(panel, row, found, drawn)
    facts = figure_facts("panel", row, found, style, [panel], panel=panel)
    write_sheet(sheet, outputs, facts, drawn.dpi)
