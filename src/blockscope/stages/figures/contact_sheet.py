"""The stages "contact_sheet" and "image_contact_sheet": all sprites of a layer on a page."""

from __future__ import annotations

import os
from collections.abc import Sequence

from blockscope.figures.data.contact_sheet import read_layer_sprites, read_response
from blockscope.figures.data.sprites import read_exemplar_sheet
from blockscope.figures.page.contact_sheet import contact_html
from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.rebuilding import told

RECIPE = ("unit", "recipe", "size", "steps", "seed")  # what a reader wants to know of the sprites


def write_contact_sheet(
    *,
    output: str | os.PathLike[str],
    sprites: str | os.PathLike[str],
    activations: str | os.PathLike[str] | None = None,
    image: str | os.PathLike[str] | None = None,
    exemplars: Sequence[str | os.PathLike[str]] = (),
    channel_page: str | os.PathLike[str] | None = None,
) -> None:
    """Write the contact sheet of a layer.

    Parameters
    ----------
    output
        The page; links in it are relative to its folder.
    sprites
        The layer's spritemap, ``.zarr.zip``.
    activations
        Of that layer for one image; without it the page is about the network alone.
    image
        This image as the network sees it.
    exemplars
        The sheet of the layer's exemplars and its description, or none.
    channel_page
        The first page of the layer's channels, to lead to.

    Raises
    ------
    BadFile
        Where there is no spritemap, where the activations are not of its network and layer, or
        where nothing fits into 3 MB.
    """
    rendered = read_layer_sprites(sprites)
    response = None
    if activations is not None and image is not None:
        response = read_response(activations, image, rendered)
    known = provenance.inherited(response.facts if response else rendered.facts)
    known |= told([rendered.facts, response.facts] if response else rendered.facts)
    for path in exemplars:
        of_sheet = provenance.read(path)
        known |= {key: of_sheet[key] for key in ("dataset",) if key in of_sheet}
    recipe = {key: rendered.facts[key] for key in RECIPE if key in rendered.facts}
    stage = "image_contact_sheet" if response else "contact_sheet"
    facts = provenance.record(stage, **known, **recipe)
    last = int(rendered.numbers.max(initial=0))
    shown = read_exemplar_sheet(exemplars, last + 1) if rendered.unit == "channel" else None
    html = contact_html(output, sprites, rendered, response, facts, shown, channel_page)
    atomic_write_text(output, html)
