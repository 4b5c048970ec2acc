"""The page of all runs: a card for each, grouped by image, in a single HTML file."""

from __future__ import annotations

import base64
import io
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from blockscope.config.panels import PANELS
from blockscope.figures.page.html import as_html, link
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts

THUMBNAIL = (560, 226)  # pixels (col, row): sharp on a card 280 px wide at twice the density
QUALITY = 85


@dataclass(frozen=True)
class GalleryRun:
    """One run as the gallery shows it.

    ``page`` is its own page, ``png`` its first panel as printed, which becomes the thumbnail, and
    ``files`` are further links by the names that they are shown under ("PDF", "SVG", ...).
    """

    run: str
    model: str
    image: str
    layers: tuple[str, str]
    override: str
    factors: str
    panels: Sequence[str]
    page: str | os.PathLike[str]
    png: str | os.PathLike[str]
    files: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Card:
    run: GalleryRun
    thumbnail: str
    width: int
    height: int
    page: str
    files: Mapping[str, str]
    factors: str | None  # where a panel shows them
    titles: Sequence[str]  # of the panels
    words: str  # what the filter searches


def gallery_html(
    output: str | os.PathLike[str],
    runs: Sequence[GalleryRun],
    facts: Facts,
    missing: Sequence[str] = (),
    channel_pages: Sequence[tuple[str, str, str | os.PathLike[str]]] = (),
) -> str:
    """Return the gallery; links in it are relative to the folder of ``output``.

    ``missing``: further runs, not finished; with any, the page says that it is incomplete.
    ``channel_pages``: network, layer and the first page of its channels.

    Images come in the order of their first run, and each image's runs in the order given. Costs a
    read of every PNG, under 0.1 s for each; 500 runs make a page of some 8 MB.
    """
    order = list(dict.fromkeys(run.image for run in runs))
    ranked = sorted(runs, key=lambda run: order.index(run.image))
    groups = {
        image: [_card(run, output) for run in members]
        for image, members in itertools.groupby(ranked, key=lambda run: run.image)
    }
    channels: dict[str, list[tuple[str, str]]] = {}
    for model, layer, page in channel_pages:
        channels.setdefault(model, []).append((layer, link(page, output)))
    return as_html(
        "gallery.html.j2",
        groups=groups,
        count=len(runs),
        missing=missing,
        channels=channels,
        facts=dict(facts),
    )


def _card(run: GalleryRun, output: str | os.PathLike[str]) -> _Card:
    uri, width, height = _thumbnail(run.png)
    panels = [PANELS[name] for name in run.panels]
    words = (
        run.run, run.model, run.image, *run.layers, run.override, run.factors, *run.panels
    )  # fmt: skip
    return _Card(
        run=run,
        thumbnail=uri,
        width=width,
        height=height,
        page=link(run.page, output),
        files={name: link(path, output) for name, path in run.files.items()},
        factors=run.factors if any("factors1" in panel.inputs for panel in panels) else None,
        titles=[panel.title for panel in panels],
        words=" ".join(words).casefold(),
    )


def _thumbnail(png: str | os.PathLike[str]) -> tuple[str, int, int]:
    """Return the upper part of a panel, scaled down, as a data: address, with its width and height.

    The upper part shows the input and both layers; labels would be too small to read.
    """
    cols, most_rows = THUMBNAIL
    try:
        with Image.open(png) as panel:
            scale = cols / panel.width
            upper = panel.crop((0, 0, panel.width, min(panel.height, round(most_rows / scale))))
    except (OSError, SyntaxError, ValueError) as error:
        raise BadFile(f"figure '{png}' cannot be read for the gallery: {error}") from error
    rows = max(1, round(upper.height * scale))
    small = upper.convert("RGB").resize((cols, rows), Image.Resampling.BOX)
    with io.BytesIO() as buffer:
        small.save(buffer, format="WEBP", quality=QUALITY, method=2)
        text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{text}", small.width, small.height
