"""A spritemap: what each channel of a layer, or each neuron group, responds to.

A sheet of exemplars has the same form: of each channel the four images that drive it most.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from blockscope.figures.arrays import Pixels
from blockscope.io import images
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.json_files import read_facts


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
    exemplars
        For a sheet of exemplars: the data set and the receptive field, in words.
    """

    sheet: Pixels
    tile: int
    wrap: int

    exemplars: str = ""

    def strongest(self, channel: int) -> Pixels:
        """Return the strongest of a channel's four exemplars."""
        half = self.tile // 2
        return self.of(channel)[:half, :half]

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
    facts = read_facts(facts_path, "description of a spritemap")
    tile, wrap = (_whole(facts_path, facts, key) for key in ("tile", "wrap"))
    sheet, _ = images.read_png(sheet_path)
    rows, cols, _ = sheet.shape
    needed = (-(-channels // wrap) * tile, min(wrap, channels) * tile)
    if rows < needed[0] or cols < needed[1]:
        raise BadFile(
            f"spritemap '{sheet_path}' has {rows} x {cols} pixels, and needs {needed[0]} x "
            f"{needed[1]} for {counted(channels, 'channel')} in rows of {counted(wrap, 'tile')} of "
            f"{counted(tile, 'pixel')}; regenerate it, or correct '{facts_path}'"
        )
    return Sprites(sheet, tile, wrap)


def read_exemplar_sheet(files: Sequence[str | os.PathLike[str]], channels: int) -> Sprites | None:
    """Read a sheet of exemplars from its PNG and its JSON; None without files.

    Raises what `read_sprites` raises, and ``BadFile`` where the JSON says nothing of the field.
    """
    sheet = read_sprites(files, channels)
    if sheet is None:
        return None
    facts = read_facts(files[1], "description of a sheet of exemplars").get("provenance")
    if not isinstance(facts, dict) or "effective_field" not in facts:
        raise BadFile(
            f"description of a sheet of exemplars '{files[1]}' does not say how large the "
            "receptive field is; regenerate it"
        )
    return replace(sheet, exemplars=exemplar_words(facts))


def exemplar_words(facts: Mapping[str, object]) -> str:
    """Say which data set exemplars are from, and how much of each image a crop shows."""
    side = facts["effective_field"]
    words = (
        f"data set {facts['dataset']}, crops of {side} x {side} px, receptive field "
        f"{facts['receptive_field_rows']} x {facts['receptive_field_cols']} px"
    )
    if "counts" in facts:
        share = 100 * float(str(facts["counts"]))
        words += f" ({share:.0f} % of the squared gradient in the crop)"
    return words


def _whole(path: str | os.PathLike[str], facts: dict[str, object], key: str) -> int:
    value = facts.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadFile(
            f"description of a spritemap '{path}' has {key} {value!r}; valid: a whole number from 1"
        )
    return value
