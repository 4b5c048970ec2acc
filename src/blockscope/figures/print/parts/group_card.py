"""One neuron group on a sheet: where it is, its strongest channels, its effect on labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from blockscope.figures import colour
from blockscope.figures.arrays import Pixels
from blockscope.figures.captions import signed
from blockscope.figures.data.factors import Weight
from blockscope.figures.data.neuron_groups import NeuronGroupsPanel
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.figures.print.parts.bar_list import BAR, GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.channel_bars import AXIS
from blockscope.figures.print.parts.channel_tiles import dimmed, place_sprite
from blockscope.figures.print.parts.layout import Place, place_overlay
from blockscope.figures.print.parts.sheet import (
    Sheet,
    shortened,
    shortened_apart,
    text_width,
    wrapped,
)
from blockscope.figures.style import Style

CHANNELS, LABELS = 4, 3  # strongest channels, and labels of largest effect
LEAST_SPRITE = 7.0  # mm: fewer are shown where they would be smaller
SPACE = 1.0  # mm between sprites
SWATCH = 3.2  # mm that the colour before a name takes


@dataclass(frozen=True)
class Cards:
    """The groups of a panel, each on a card of ``width`` mm; all bars have one scale."""

    panel: NeuronGroupsPanel
    style: Style
    width: float

    def place(self, sheet: Sheet, group: int, left: float, top: float) -> float:
        """Place the card of a group; returns where it ends."""
        panel = self.panel
        sheet.box(left, top + 0.45, 2.2, 2.2, colour.factor_colours(panel.groups)[group])
        name = shortened(f"Group {group + 1}", TEXT_PT, self.width - SWATCH, bold=True)
        sheet.text(left + SWATCH, top + 2.4, name, TEXT_PT, bold=True)
        at = Place(left, top + 4.0, self.width)
        overlay = colour.single_factor_image(panel.spatial, group)
        place_overlay(sheet, at, dimmed(panel.pixels), overlay, self.style)
        top = self._channels(sheet, group, left, at.top + at.height(panel.pixels) + 0.4)
        noun = "labels" if len(panel.contrast.names) > 1 else "label"
        top = self._effects(
            sheet, f"Effect on the {noun}", panel.compared_effects(group), left, top
        )
        raised = panel.top_effects(group, LABELS)
        return self._effects(sheet, "Raised most", raised, left, top)

    def _channels(self, sheet: Sheet, group: int, left: float, top: float) -> float:
        """Place what the group and its strongest channels respond to; without sprites, numbers."""
        chosen = self.panel.strongest(group, CHANNELS)
        panel = self.panel
        sprites, exemplars = panel.sprites, panel.exemplars
        # The group's own come first. Exemplars are below the sprites, each below that of its unit.
        column = panel.group_sprites is not None or panel.group_exemplars is not None
        rows = (
            (panel.group_sprites, sprites and [(c, sprites.of(c)) for c in chosen]),
            (panel.group_exemplars, exemplars and [(c, exemplars.strongest(c)) for c in chosen]),
        )
        for own, others in rows:
            if own is None and others is None:
                continue
            word, tile = ("", None) if own is None else ("group", own.of(group))
            first = [(word, tile)] if column else []
            shown = [(str(channel), picture) for channel, picture in others or ()]
            top = self._tiles(sheet, [*first, *shown], left, top)
        if sprites is None and exemplars is None:
            text = f"Channels {', '.join(map(str, chosen))}" if chosen else "No channels"
            # As many lines for every group, so that what follows is level.
            longest = f"Channels {', '.join([str(self.panel.channels.shape[1])] * CHANNELS)}"
            lines = wrapped(text, SMALL_PT, self.width)
            for place, line in enumerate(lines):
                sheet.text(left, top + 2.4 + place * LINE, line, SMALL_PT)
            return top + LINE * max(len(lines), len(wrapped(longest, SMALL_PT, self.width))) + 1.2
        return top

    def _tiles(
        self, sheet: Sheet, tiles: Sequence[tuple[str, Pixels | None]], left: float, top: float
    ) -> float:
        """Place a row of sprites, as many as fit, each with a word below it; None: no sprite."""
        room = int((self.width + SPACE) // (LEAST_SPRITE + SPACE))
        across = min(CHANNELS, max(1, room))
        each = (self.width - SPACE * (across - 1)) / across
        for place, (word, tile) in enumerate(tiles[:across]):
            at = Place(left + place * (each + SPACE), top + 0.2, each)
            if tile is not None:
                place_sprite(sheet, at, tile)
            below = shortened(word, SMALL_PT, each)
            sheet.text(at.left + each / 2, top + each + 2.8, below, SMALL_PT, align="center")
        return top + each + LINE + 1.2

    def _effects(
        self, sheet: Sheet, title: str, rows: Sequence[Weight], left: float, top: float
    ) -> float:
        """Place labels, each with a bar below it that begins at the line of zero."""
        above, below = self._scale
        full = max(above, below)
        sheet.text(left, top + 2.4, shortened(title, SMALL_PT, self.width), SMALL_PT, colour=GREY)
        top += LINE
        numbers = [signed(row.value, full) for row in rows]
        if not rows:
            sheet.text(left, top + 2.4, "none", SMALL_PT)
            return top + LINE + 1.0
        room = max(1.0, self.width - self._numbers - 1.5)
        zero = left + room * below / (above + below)
        names = shortened_apart([row.label for row in rows], SMALL_PT, self.width)
        for name, row, number in zip(names, rows, numbers, strict=True):
            sheet.text(left, top + 2.4, name, SMALL_PT)
            baseline = top + 2.4 + LINE * 0.85
            length = room * abs(row.value) / (above + below)
            start, hue = (zero, FOR) if row.value > 0 else (zero - length, AGAINST)
            sheet.box(start, baseline - BAR - 0.05, length, BAR, hue)
            ends = (baseline - BAR - 0.35, baseline + 0.25)
            sheet.line((zero, zero), ends, AXIS, 0.5)
            edge = left + self.width
            sheet.text(edge, baseline, number, SMALL_PT, colour=GREY, align="right")
            top += LINE * 1.85
        return top + 1.0

    @cached_property
    def _shown(self) -> list[float]:
        """The effects that all cards show."""
        panel = self.panel
        return [
            row.value
            for group in range(panel.groups)
            for row in (*panel.compared_effects(group), *panel.top_effects(group, LABELS))
        ]

    @cached_property
    def _scale(self) -> tuple[float, float]:
        """The largest effect above and below zero that any card shows; not both are 0."""
        above = max(0.0, *self._shown)
        below = max(0.0, *(-value for value in self._shown))
        return (above, below) if above + below > 0 else (1.0, 0.0)

    @cached_property
    def _numbers(self) -> float:
        """The width of the longest number on any card, in mm."""
        return max(text_width(signed(value, max(self._scale)), SMALL_PT) for value in self._shown)
