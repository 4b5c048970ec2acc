"""The page of one run: its panels to explore, in a single HTML file.

The page loads nothing: images, arrays, style and script are inside, and a content security policy
forbids everything else. Without a script it still shows the panels that are HTML, and links to the
printed ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from blockscope.config.panels import PANELS, Panel
from blockscope.config.settings import RunRow
from blockscope.figures import captions
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.image_encoding import image_uri
from blockscope.figures.page.factors import render_factors
from blockscope.figures.page.html import StaticPanel, as_html, link, script
from blockscope.figures.page.page_budget import LARGEST_PAGE, input_for_page
from blockscope.figures.page.payload import payload
from blockscope.figures.page.rivals import render_rivals
from blockscope.figures.page.sanity import render_sanity
from blockscope.figures.style import Style
from blockscope.io import images
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts

ARRAYS_SHARE = 90  # percent of the room left for arrays and images; the rest is names and scales

RENDERERS: Mapping[str, Callable[[RunRow, PanelFiles, Style, str], StaticPanel]] = {
    "factors": render_factors,
    "rivals": render_rivals,
    "sanity": render_sanity,
}
"""By ``Panel.page_content``: the panels that need no script."""


@dataclass(frozen=True)
class _Section:
    panel: Panel
    html: Markup | None  # of a panel without a script
    files: Mapping[str, str]  # address by kind
    contact_sheets: Mapping[str, str]  # address by layer
    channel_pages: Mapping[str, str]


def page_html(
    output: str | os.PathLike[str],
    run: RunRow,
    panels: Sequence[str],
    files: PanelFiles,
    facts: Facts,
    style: Style,
    gallery: str | os.PathLike[str] | None = None,
) -> str:
    """Return the page of a run.

    Arrays get as many bits as a page of 3 MB has room for.

    Parameters
    ----------
    output
        Where the page will be: links are relative to its folder, which has the printed panels too.
    run
        What it is about.
    panels
        What it shows, in order.
    files
        Those of all its panels.
    facts
        Provenance: shown as a table, and as JSON in the element "blockscope-provenance".
    style
        How it looks at the start.
    gallery
        The page of all runs, to link back to.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    BadFile
        Where even the coarsest arrays do not fit.
    """
    uri = image_uri(input_for_page(images.read_png(files.one("image"))[0]))
    summary = {
        "Model": run.model,
        "Image": run.image,
        "Layers": " and ".join(run.layers),
        "Gradient override": run.override,
    }
    sections = []
    for panel in (PANELS[name] for name in panels):
        html = None
        if not panel.scripted:
            html, more = RENDERERS[panel.page_content](run, files, style, uri)
            summary |= more
        sections.append(_section(panel, html, run, files, output))
    content = {
        "run": run,
        "caption": captions.run_caption(run),
        "sections": sections,
        "opacity": style.opacity,
        "summary": summary,
        "gallery": link(gallery, output) if gallery is not None else None,
        "facts": dict(facts),
        "bundle": script("page.bundle.js"),
    }
    without = as_html("page.html.j2", **content, data={}, unit="logit")
    room = LARGEST_PAGE - len(without.encode()) - len(uri)
    pages = {layer: page for one in sections for layer, page in one.channel_pages.items()}
    data = payload(run, panels, files, style, uri, room * ARRAYS_SHARE // 100, pages)
    labels = data.get("labels")
    unit = "output" if isinstance(labels, dict) and "output" in labels else "logit"
    text = as_html("page.html.j2", **content, data=data, unit=unit)
    if len(text.encode()) > LARGEST_PAGE:
        raise BadFile(
            f"the page of run '{run.run}' would have {len(text.encode()) / 1e6:.1f} MB, with "
            f"{counted(len(panels), 'panel')}; a page has at most 3 MB: show fewer panels in one "
            "run, or a later layer (columns panels, layer1)"
        )
    return text


def _section(
    panel: Panel,
    html: Markup | None,
    run: RunRow,
    files: PanelFiles,
    output: str | os.PathLike[str],
) -> _Section:
    printed = {
        kind.upper(): link(Path(output).with_name(f"{panel.name}.{kind}"), output)
        for kind in ("pdf", "svg", "png")
    }
    contact_sheets, channel_pages = (
        {
            run.layers[number - 1]: link(path, output)
            for number in panel.sprite_layers
            for path in files.many(f"{kind}{number}")
        }
        for kind in ("contact", "channel_page")
    )
    return _Section(panel, html, printed, contact_sheets, channel_pages)
