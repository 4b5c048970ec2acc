"""What a figure records about itself: the files that it shows, and what makes it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.io import provenance
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import sections_of, told


def figure_facts(
    stage: str,
    run: RunRow,
    files: PanelFiles,
    style: Mapping[str, object],
    panels: Sequence[str],
    **more: str,
) -> provenance.Facts:
    """Return the provenance of a figure: that of the run's input image, and what rebuilds it.

    ``style``: the options of `Style`; ``panels``: what it shows; ``more``: other facts.
    """
    origin = provenance.inherited(provenance.read(files.one("image")))
    known = {path: _facts_of(path) for path in files.all()}
    origin |= {"layer1": run.layer1, "layer2": run.layer2, "override": run.override}
    drawn = dict(style)
    scaled = {"scale_by_magnitude": drawn.pop("scale_by_magnitude", False)}
    rows = rows_of_figure(run, list(known.values()), panels)
    origin |= told(known.values(), figure=drawn, grids=scaled, runs=rows)
    return provenance.record(stage, run=run.run, **more, **origin)


def _facts_of(path: Path) -> provenance.Facts:
    """Return a file's provenance; nothing of a panel, which a page leads to, or of another's file.

    What is damaged is refused where its arrays are read.
    """
    with suppress(BadFile):
        facts = provenance.read(path)
        if facts[provenance.STAGE_KEY] != "panel":
            return facts
    return {}


def rows_of_figure(
    run: RunRow, known: Sequence[provenance.Facts], panels: Sequence[str]
) -> list[dict[str, str]]:
    """Return rows of the table of runs that make a figure: its own, and what its files hold beside.

    What the row says of factors, methods and data sets is taken from the files, ``known``.
    """
    contrast = "|".join(run.classes)

    def is_own(row: Mapping[str, str]) -> bool:
        return (row["classes"], row["override"]) == (contrast, run.override)

    methods = _methods(run, known, contrast, panels)
    others = [row for facts in known for row in sections_of(facts).get("runs", [])]
    others = [row for row in others if not is_own(row)]
    cells = {
        "run": run.run,
        "model": run.model,
        "image": run.image,
        "layer1": run.layer1,
        "layer2": run.layer2,
        "override": run.override,
        "classes": contrast,
        "factors": _factors(known),
        "methods": methods,
        "panels": ",".join(panels),
        "grids": ",".join(run.grids),
        "flow": ",".join(run.flow),
        "dataset": next((str(facts["dataset"]) for facts in known if "dataset" in facts), ""),
    }
    rows = {json.dumps({**row, "run": ""}, sort_keys=True): row for row in others}
    beside = [{**row, "run": f"{run.run}-{n}"} for n, row in enumerate(rows.values(), start=1)]
    return [{key: cell for key, cell in row.items() if cell} for row in (cells, *beside)]


def _methods(
    run: RunRow, known: Sequence[provenance.Facts], contrast: str, panels: Sequence[str]
) -> str:
    """Return the cell ``methods`` of a row, from the files of channels; empty without one.

    Those of the later layer, to which panels add none; else those of the earlier layer.
    """
    asked: dict[str, str] = {}
    for facts in known:
        if facts.get(provenance.STAGE_KEY) == "channels" and facts.get("override") == run.override:
            for row in sections_of(facts).get("runs", []):
                if row["classes"] == contrast:
                    asked[str(facts["layer"])] = row["methods"]
    added = {method for panel in panels for method in PANELS[panel].methods}
    later, earlier = asked.get(run.layer2), asked.get(run.layer1, "")
    if later is None or not set(earlier.split(",")) <= {*later.split(","), *added}:
        return earlier
    return later


def _factors(known: Sequence[provenance.Facts]) -> str:
    """Return the cell ``factors`` of a row, from the file of factors; empty without one."""
    for facts in known:
        if facts.get(provenance.STAGE_KEY) == "factors":
            joint, method = facts["recipe"] == "joint", facts["method"]
            words = [str(facts["n"]), *["joint"] * joint, *["pca"] * (method == "pca")]
            return " ".join(words)
    return ""
