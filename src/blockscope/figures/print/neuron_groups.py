"""The printed panel "neuron groups": a layer's activations as a few groups, and what each does.

Above, the input, all groups in one map and their magnitudes; below, each group alone with its
strongest channels and its effect on labels.
"""

from __future__ import annotations

from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour
from blockscope.figures.data.maps import grid_words
from blockscope.figures.data.neuron_groups import NeuronGroupsPanel
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.print.parts.bar_list import BAR, GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.factor_numbers import mark_factors
from blockscope.figures.print.parts.group_card import Cards
from blockscope.figures.print.parts.layout import (
    EDGE,
    GAP,
    Place,
    begin,
    columns,
    finish,
    headings,
    place_image,
    place_overlay,
)
from blockscope.figures.print.parts.sheet import Sheet, text_width
from blockscope.figures.style import Style
from blockscope.io.counts import counted

LEAST, MOST = 25.0, 44.0  # mm, width of one group's card
ROUNDING = 0.005  # a share below it is shown as none


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = NeuronGroupsPanel.of_run(run, files)
    count = panel.groups
    caption = (
        f"Model {run.model}, image {run.image}; NMF of the activations of {run.layer1} "
        f"({grid_words(panel.spatial)} positions, {counted(panel.channels.shape[1], 'channel')}), "
        f"{counted(count, 'group')}; effects by the network's own gradient"
    )
    sheet, top = begin("neuron_groups", run, caption, style)
    top = _overview(sheet, panel, style, top)
    top = _cards(sheet, panel, style, top)
    return finish(sheet, _foot(panel), top - GAP / 2)


def _overview(sheet: Sheet, panel: NeuronGroupsPanel, style: Style, top: float) -> float:
    """Place the input, all groups in one map, and their magnitudes; returns where they end."""
    lefts, width = columns(sheet, 3)
    names = ("Input", f"Groups of {panel.run.layer1}", "Magnitude")
    top = headings(sheet, lefts, names, width, top)
    place_image(sheet, Place(lefts[0], top, width), panel.pixels)
    at = Place(lefts[1], top, width)
    place_overlay(sheet, at, panel.pixels, colour.factor_image(panel.spatial), style)
    bottom = top + at.height(panel.pixels)
    if panel.groups > 2:
        mark_factors(sheet, panel.spatial, (at.left, top, at.left + width, bottom))
    return max(bottom, _magnitudes(sheet, panel, Place(lefts[2], top, width))) + GAP / 2


def _magnitudes(sheet: Sheet, panel: NeuronGroupsPanel, at: Place) -> float:
    """Place a bar for the size of each group; returns where they end."""
    full = float(panel.magnitude.max(initial=0.0)) or 1.0
    numbers = [captions.number(float(size), full) for size in panel.magnitude]
    start = at.left + text_width(str(panel.groups), TEXT_PT) + 1.5
    room = at.left + at.width - start - max(text_width(n, SMALL_PT) for n in numbers) - 1.5
    baseline = at.top - 0.8
    colours = colour.factor_colours(panel.groups)
    for group, number in enumerate(numbers):
        baseline += LINE
        sheet.text(at.left, baseline, str(group + 1), TEXT_PT)
        length = max(0.0, room) * float(panel.magnitude[group]) / full
        sheet.box(start, baseline - BAR - 0.05, length, BAR, colours[group])
        sheet.text(at.left + at.width, baseline, number, SMALL_PT, colour=GREY, align="right")
    return baseline + 1.0


def _cards(sheet: Sheet, panel: NeuronGroupsPanel, style: Style, top: float) -> float:
    """Place each group alone, in rows of about equal length; returns where they end."""
    inner = sheet.width - 2 * EDGE
    most = max(1, int((inner + GAP) // (LEAST + GAP)))
    across = -(-panel.groups // -(-panel.groups // most))
    width = min(MOST, (inner - GAP * (across - 1)) / across)
    cards = Cards(panel, style, width)
    for first in range(0, panel.groups, across):
        row = range(first, min(first + across, panel.groups))
        ends = [
            cards.place(sheet, group, EDGE + (group - first) * (width + GAP), top) for group in row
        ]
        top = max(ends) + GAP / 2
    return top


def _foot(panel: NeuronGroupsPanel) -> str:
    """Say what colours, numbers and bars mean."""
    made = "its strongest channels"
    if panel.sprites:
        made = "what its strongest channels respond to"
    if panel.exemplars:
        also = f"{made}, and " if panel.sprites else ""
        made = f"{also}the strongest exemplar of each channel ({panel.exemplars.exemplars})"
    if panel.group_exemplars:
        words = panel.group_exemplars.exemplars
        made = f"the four images that drive it most as a whole ({words}), and {made}"
    if panel.group_sprites:
        made = "what it responds to as a whole, and " + made
    return (
        "Groups are ordered from left to right by their centres. Hue: group. Brightness: how much "
        "of it is at a position; a group alone has its own scale. Magnitude: the length of the "
        f"group's vector, in units of the activations. Below each group: {made}; its effect on "
        f"labels, in {panel.unit}s, to first order (green: raises, violet: lowers), all bars on "
        "one scale. "
        f"Relative error of the groups: {panel.relative_error:.2f}.{_clipped(panel.clipped)}"
    )


def _clipped(share: float) -> str:
    """Say how much of the activations no group can hold, where it is more than rounding."""
    if share < ROUNDING:
        return ""
    return f" Negative activations were set to 0 before factoring: {share:.2f} of the norm."
