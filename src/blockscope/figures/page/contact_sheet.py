"""The contact sheet of a layer: a page of all its sprites, to be searched, sorted and enlarged.

Of a network alone, or of a network and a picture: then the page also shows how active each channel
is in the picture, and where. Like the page of a run it holds everything and asks for nothing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blockscope.figures.data.contact_sheet import (
    LayerSprites,
    Response,
    max_pooled,
    read_layer_sprites,
    read_response,
)
from blockscope.figures.image_encoding import enlarge, image_uri
from blockscope.figures.page.html import as_html, link, script
from blockscope.figures.page.quantization import Bulk, fitted
from blockscope.figures.page.sprite_sheet import TileSheet, tile_sheet
from blockscope.figures.palettes import palettes
from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.errors import BadFile

LARGEST_PAGE = 2_990_000  # bytes
ARRAYS_SHARE = 45  # percent of the page that activations may take; the sprites get the rest
SPARE = 200  # bytes for what is said of the sheet once it is made
LARGEST_INPUT = 512  # pixels of the longer side shown; larger inputs are scaled down in the page
BLOCKS = (1, 2, 4, 8, 16)  # positions along the side of a cell of the page
PALETTE = "cividis"  # of activations, as on the page of a run
RECIPE = (
    "unit",
    "recipe",
    "size",
    "steps",
    "seed",
)  # facts of the sprites that a reader wants to know


def write_contact(
    output: str | os.PathLike[str],
    sprites: str | os.PathLike[str],
    activations: str | os.PathLike[str] | None = None,
    picture: str | os.PathLike[str] | None = None,
) -> None:
    """Write the contact sheet of a layer.

    sprites       the layer's spritemap, ``.zarr.zip``
    activations   of that layer for one picture, and the picture as the network sees it; without
                  both the page is about the network alone

    Sprites are as large as a page of 3 MB has room for. Raises ``BadFile`` where there is no
    spritemap, where the activations are not of its network and layer, or where nothing fits.
    """
    rendered = read_layer_sprites(sprites)
    response = None
    if activations is not None and picture is not None:
        response = read_response(activations, picture, rendered)
    facts = _facts(rendered, response)
    data = contact_data(rendered, response, LARGEST_PAGE * ARRAYS_SHARE // 100)
    content = {
        "layer": rendered.layer,
        "model": facts["model"],
        "image": response.image if response else None,
        "unit": rendered.unit,
        "count": len(rendered.numbers),
        "files": _files(sprites, output),
        "facts": facts,
        "bundle": script("contact.bundle.js"),
    }
    none = TileSheet("", 0, 1, 0)
    without = as_html("contact.html.j2", **content, **_placed(none, rendered, data))
    room = LARGEST_PAGE - len(without.encode()) - SPARE
    sheet = tile_sheet(rendered.pixels, room)
    if len(sheet.uri) > room:
        raise BadFile(
            f"the contact sheet of layer '{rendered.layer}' has {room / 1e3:.0f} kB left for its "
            f"{len(rendered.numbers)} sprites, which take {len(sheet.uri) / 1e3:.0f} kB with "
            f"{sheet.side} pixels each; a page has at most 3 MB: look at '{Path(sprites).name}'"
        )
    text = as_html("contact.html.j2", **content, **_placed(sheet, rendered, data))
    atomic_write_text(output, text)


def _placed(sheet: TileSheet, rendered: LayerSprites, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sheet for the page, and the data with what its script has to know of it."""
    known = {"side": sheet.side, "wrap": sheet.wrap, "rows": -(-sheet.count // sheet.wrap)}
    return {
        "sheet": sheet,
        "rendered": rendered.pixels.shape[1],
        "data": {**data, "sheet": known},
    }


def contact_data(rendered: LayerSprites, response: Response | None, room: int) -> dict[str, Any]:
    """Return what the page's script reads, as JSON knows it; all but where the tiles are.

    ``room``: characters that the activations may take, rounded and in blocks as far as needed.
    """
    palette = palettes()[PALETTE]
    data: dict[str, Any] = {
        "layer": rendered.layer,
        "unit": rendered.unit,
        "numbers": rendered.numbers.tolist(),
        "objective": _plain(rendered.objective),
        "judge": _plain(rendered.heldout_objective),
        "stopped": rendered.diverged_step.tolist(),
        "palette": {
            "name": PALETTE,
            "words": palette.words,
            "signed": palette.signed,
            "table": base64.b64encode(palette.table.tobytes()).decode("ascii"),
        },
    }
    if response is None:
        return data
    return data | {"response": fitted(_ever_coarser(response), room)}


def _ever_coarser(response: Response) -> Iterator[dict[str, Any]]:
    """Yield what a picture makes of the channels with ever larger blocks for a cell of the page."""
    values = response.activations
    rows, cols, channels = values.shape
    by_channel = values.reshape(-1, channels)
    height, width, _ = response.pixels.shape
    shown = {
        "image": response.image,
        "picture": {
            "uri": image_uri(_for_page(response.pixels)), "rows": height, "cols": width,
        },
        "grid": [rows, cols],
        "largest": _plain(by_channel.max(axis=0)),
        "place": by_channel.argmax(axis=0).tolist(),
        "mean": _plain(by_channel.mean(axis=0, dtype=np.float64)),
    }  # fmt: skip
    for block in BLOCKS:
        cells = max_pooled(values, block)
        yield shown | {
            "rows": cells.shape[0],
            "cols": cells.shape[1],
            "pooled": block,
            "activations": Bulk(cells.transpose(2, 0, 1), bits=8),
        }


def _for_page(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, cols, _ = picture.shape
    scale = min(1.0, LARGEST_INPUT / max(rows, cols))
    size = (max(1, round(rows * scale)), max(1, round(cols * scale)))
    return enlarge(picture, size, smooth=True)


def _facts(rendered: LayerSprites, response: Response | None) -> provenance.Facts:
    known = provenance.inherited(response.facts if response else rendered.facts)
    recipe = {key: rendered.facts[key] for key in RECIPE if key in rendered.facts}
    return provenance.record("contact", **known, **recipe)


def _files(sprites: str | os.PathLike[str], output: str | os.PathLike[str]) -> dict[str, str]:
    """Return the addresses of what the stage "sprites" wrote."""
    base = Path(sprites).name.removesuffix(".zarr.zip")
    return {
        kind.upper(): link(Path(sprites).with_name(f"{base}.{kind}"), output)
        for kind in ("png", "json", "zarr.zip")
    }


def _plain(numbers: NDArray[np.floating]) -> Sequence[float | None]:
    """Return numbers of six digits; JSON has no word for what is not finite."""
    return [float(f"{number:.6g}") if np.isfinite(number) else None for number in numbers]
