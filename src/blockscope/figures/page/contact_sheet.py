"""The contact sheet of a layer: a page of all its sprites, to search, sort and enlarge.

Of a network alone, or of a network and an image: then the page also shows how active each channel
is in the image, and where. Like the page of a run it holds everything and loads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from blockscope.figures.arrays import Floats
from blockscope.figures.data.contact_sheet import LayerSprites, Response, max_pooled
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.image_encoding import image_uri
from blockscope.figures.page.html import as_html, link, script
from blockscope.figures.page.page_budget import (
    LARGEST_PAGE,
    coarser_versions,
    fit_to_budget,
    input_for_page,
)
from blockscope.figures.page.quantization import PackedArray, packed_palette
from blockscope.figures.page.sprite_sheet import SpriteSheet, sprite_sheet
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts

ARRAYS_SHARE = 45  # percent of the page that activations may take; the sprites get the rest
EXEMPLARS_SHARE = 25  # percent of it that exemplars may take
SPARE = 200  # bytes for what the page says about the sheet once it is made
BLOCKS = (1, 2, 4, 8, 16)  # positions along the side of a cell of the page
PALETTE = "cividis"  # of activations, as on the page of a run


def contact_html(
    output: str | os.PathLike[str],
    sprites_path: str | os.PathLike[str],
    rendered: LayerSprites,
    response: Response | None,
    facts: Facts,
    exemplars: Sprites | None = None,
    channel_page: str | os.PathLike[str] | None = None,
) -> str:
    """Return the contact sheet of a layer; sprites are as large as a page of 3 MB has room for.

    Parameters
    ----------
    output
        Where the page will be: links are relative to its folder.
    sprites_path
        The spritemap, ``.zarr.zip``, next to which its image and its description are.
    rendered
        The sprites.
    response
        How their channels respond to an image, if the page is about one.
    facts
        Provenance: shown as a table, and as JSON in the element "blockscope-provenance".
    exemplars
        The sheet of the layer's exemplars, if there is one.
    channel_page
        The first page of the layer's channels, if there is one.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    BadFile
        Where not even the smallest sprites fit.
    """
    data = contact_data(rendered, response, LARGEST_PAGE * ARRAYS_SHARE // 100)
    if channel_page is not None and rendered.unit == "channel":
        data["page"] = link(channel_page, output)
    if exemplars is not None and rendered.unit == "channel":
        data["exemplars"] = _exemplars(exemplars, rendered)
    content = {
        "layer": rendered.layer,
        "model": facts["model"],
        "image": response.image if response else None,
        "unit": rendered.unit,
        "count": len(rendered.numbers),
        "files": _files(sprites_path, output),
        "facts": dict(facts),
        "bundle": script("contact.bundle.js"),
    }
    none = SpriteSheet("", 0, 1, 0)
    without = as_html("contact.html.j2", **content, **_placed(none, rendered, data))
    room = LARGEST_PAGE - len(without.encode()) - SPARE
    sheet = sprite_sheet(rendered.pixels, room)
    if len(sheet.uri) > room:
        raise BadFile(
            f"the contact sheet of layer '{rendered.layer}' has {room / 1e3:.0f} kB left for its "
            f"{counted(len(rendered.numbers), 'sprite')}, with {len(sheet.uri) / 1e3:.0f} kB at "
            f"{sheet.side} pixels each; a page has at most 3 MB: look at "
            f"'{Path(sprites_path).name}'"
        )
    return as_html("contact.html.j2", **content, **_placed(sheet, rendered, data))


def _exemplars(exemplars: Sprites, rendered: LayerSprites) -> dict[str, object]:
    """Return the exemplars of the channels that have a sprite, on a sheet of their own."""
    tiles = np.stack([exemplars.of(int(number)) for number in rendered.numbers])
    sheet = sprite_sheet(tiles, LARGEST_PAGE * EXEMPLARS_SHARE // 100)
    return {
        "uri": sheet.uri,
        "wrap": sheet.wrap,
        "rows": -(-sheet.count // sheet.wrap),
        "words": exemplars.exemplars,
    }


def _placed(
    sheet: SpriteSheet, rendered: LayerSprites, data: Mapping[str, object]
) -> dict[str, object]:
    """Return the sheet for the page, and the data with what its script needs to know of it."""
    known = {"side": sheet.side, "wrap": sheet.wrap, "rows": -(-sheet.count // sheet.wrap)}
    return {
        "sheet": sheet,
        "rendered": rendered.pixels.shape[1],
        "data": {**data, "sheet": known},
    }


def contact_data(rendered: LayerSprites, response: Response | None, room: int) -> dict[str, object]:
    """Return what the page's script reads, as JSON knows it, except where the tiles are.

    ``room``: characters that the activations may take, rounded and in blocks as far as needed.
    """
    data: dict[str, object] = {
        "layer": rendered.layer,
        "unit": rendered.unit,
        "numbers": rendered.numbers.tolist(),
        "objective": _plain(rendered.objective),
        "heldout_objective": _plain(rendered.heldout_objective),
        "diverged_step": rendered.diverged_step.tolist(),
        "palette": packed_palette(PALETTE),
    }
    if response is not None:
        data["response"] = _response(response, room)
    return data


def _response(response: Response, room: int) -> dict[str, object]:
    """Return how the channels respond to an image, with blocks of positions as far as needed."""
    values = response.activations
    rows, cols, channels = values.shape
    by_channel = values.reshape(-1, channels)
    height, width, _ = response.pixels.shape
    shown = {
        "image": response.image,
        "input": {
            "uri": image_uri(input_for_page(response.pixels)), "rows": height, "cols": width,
        },
        "grid": [rows, cols],
        "largest": _plain(by_channel.max(axis=0)),
        "place": by_channel.argmax(axis=0).tolist(),
        "mean": _plain(by_channel.mean(axis=0, dtype=np.float64)),
    }  # fmt: skip

    def build(block: int) -> dict[str, object]:
        cells = max_pooled(values, block)
        return shown | {
            "rows": cells.shape[0],
            "cols": cells.shape[1],
            "pooled": block,
            "activations": PackedArray(cells.transpose(2, 0, 1), bits=8),
        }

    return fit_to_budget(coarser_versions(BLOCKS, build), room)


def _files(sprites: str | os.PathLike[str], output: str | os.PathLike[str]) -> dict[str, str]:
    """Return the addresses of what the stage "spritemap" wrote."""
    base = Path(sprites).name.removesuffix(".zarr.zip")
    return {
        kind.upper(): link(Path(sprites).with_name(f"{base}.{kind}"), output)
        for kind in ("png", "json", "zarr.zip")
    }


def _plain(numbers: Floats) -> Sequence[float | None]:
    """Return numbers of six digits; JSON has no word for what is not finite."""
    return [float(f"{number:.6g}") if np.isfinite(number) else None for number in numbers]
