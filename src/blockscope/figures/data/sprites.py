"""A spritemap: what each channel of a layer, or each neuron group, responds to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.figures.arrays import Pixels
from blockscope.io import images
from blockscope.io.atomic_files import require_file
from blockscope.io.errors import BadFile
from blockscope.io.plain_json import parse_json


@dataclass(frozen=True)
class Sprites:
    """The spritemap of a layer.

    Attributes
    ----------
    sheet
        All sprites side by side; sprite n is in column n % wrap, row n // wrap.
    tile
        Side of a sprite in pixels.
    wrap
        Sprites in a row.
    """

    sheet: Pixels
    tile: int
    wrap: int

    def of(self, channel: int) -> Pixels:
        """Return the sprite of a channel."""
        row, col = divmod(channel, self.wrap)
        size = self.tile
        return self.sheet[row * size : (row + 1) * size, col * size : (col + 1) * size]


def read_sprites(files: Sequence[str | os.PathLike[str]], channels: int) -> Sprites | None:
    """Read a spritemap from its PNG and its JSON; None without files.

    Raises ``BadFile`` where the JSON lacks ``tile`` or ``wrap``, or the image has no room for all
    ``channels`` of the layer.
    """
    if not files:
        return None
    sheet_path, facts_path = files
    facts = _facts(facts_path)
    tile, wrap = (_whole(facts_path, facts, key) for key in ("tile", "wrap"))
    sheet = np.asarray(images.read_image(sheet_path), np.uint8)
    rows, cols, _ = sheet.shape
    needed = (-(-channels // wrap) * tile, min(wrap, channels) * tile)
    if rows < needed[0] or cols < needed[1]:
        raise BadFile(
            f"spritemap '{sheet_path}' has {rows} x {cols} pixels; {channels} channels in rows of "
            f"{wrap} tiles of {tile} pixels need {needed[0]} x {needed[1]}; regenerate it, or "
            f"correct '{facts_path}'"
        )
    return Sprites(sheet, tile, wrap)


def _facts(path: str | os.PathLike[str]) -> dict[str, object]:
    try:
        facts = parse_json(require_file(path, "description of a spritemap").read_text("utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise BadFile(f"description of a spritemap '{path}' cannot be read: {error}") from error
    if not isinstance(facts, dict):
        raise BadFile(
            f"description of a spritemap '{path}' is not a JSON object with tile and wrap"
        )
    return facts


def _whole(path: str | os.PathLike[str], facts: dict[str, object], key: str) -> int:
    value = facts.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadFile(
            f"description of a spritemap '{path}' has {key} {value!r}; valid: a whole number from 1"
        )
    return value
