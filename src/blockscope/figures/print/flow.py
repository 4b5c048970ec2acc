"""The printed panel "flow": neuron groups of several layers, and what passes between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blockscope.config.settings import RunRow
from blockscope.figures import captions, colour, flow_words
from blockscope.figures.data.flow import Diagram, FlowPanel, Node
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.flow_layout import FlowLayout, PlacedNode, Sizes, arrange
from blockscope.figures.palettes import PLAIN
from blockscope.figures.print.parts.bar_list import GREY, LINE, SMALL_PT, TEXT_PT
from blockscope.figures.print.parts.channel_tiles import dimmed, place_sprite
from blockscope.figures.print.parts.layout import EDGE, GAP, Place, begin, finish, place_overlay
from blockscope.figures.print.parts.sheet import Sheet, shortened, text_width, wrapped
from blockscope.figures.style import Style
from blockscope.io.counts import counted

BAR = 1.0  # mm, width of the bar at which bands begin and end
NAMES = 0.2  # of the width, for the names of labels
MOST_TILE, LEAST_SPRITE = 11.0, 6.0  # mm: below, a node has its map alone
LEAST_NODE = 9.5  # mm: its number and its value
SPACE = 0.6  # mm inside a node
STEPS = 24  # corners of a band's edge
OPACITY = 0.5
MOST_LINES = 4  # of a label's name


def compose(run: RunRow, files: PanelFiles, style: Style) -> Sheet:
    """Read the files of a run and place the panel on a sheet."""
    panel = FlowPanel.of_run(run, files)
    names = ", ".join(layer.layer for layer in panel.layers)
    caption = (
        f"{captions.contrast_caption(run, panel.contrast)}; "
        f"{counted(panel.groups, 'neuron group')} of each of {names}"
    )
    sheet, top = begin("flow", run, caption, style)
    drawn = _Drawing.of(panel, sheet, style, top + LINE + 0.6)
    drawn.headings(top + 2.4)
    drawn.bands()
    for place in range(len(drawn.diagram.nodes)):
        drawn.node(place)
    return finish(
        sheet, flow_words.foot(panel, drawn.diagram), drawn.top + drawn.layout.height + GAP / 2
    )


@dataclass(frozen=True)
class _Drawing:
    """A diagram on a sheet: where its columns are."""

    panel: FlowPanel
    diagram: Diagram
    layout: FlowLayout
    sheet: Sheet
    style: Style
    top: float
    lefts: tuple[float, ...]
    node_width: float
    tile: float

    @classmethod
    def of(cls, panel: FlowPanel, sheet: Sheet, style: Style, top: float) -> _Drawing:
        inner = sheet.width - 2 * EDGE
        layers = len(panel.layers)
        # The bar of the labels stands where one more node would begin.
        pitch = inner * (1 - NAMES) / layers
        rendered = any(layer.sprites for layer in panel.layers)
        frame = 2 * (BAR + SPACE)
        tile = min(MOST_TILE, (pitch / 2 - frame - SPACE) / 2) if rendered else 0.0
        width = 2 * tile + SPACE + frame
        if tile < LEAST_SPRITE:
            tile = max(1.0, min(MOST_TILE, pitch / 2 - frame))
            width = tile + frame
        width = min(max(width, LEAST_NODE), 0.9 * pitch)
        diagram = panel.diagrams[0]
        layout = arrange(diagram, Sizes(tile, LINE, (MOST_LINES + 1) * LINE, 1.6))
        lefts = tuple(EDGE + column * pitch for column in range(layers + 1))
        return cls(panel, diagram, layout, sheet, style, top, lefts, width, tile)

    def headings(self, baseline: float) -> None:
        """Place the names of layers, and of the column of labels."""
        room = self.lefts[1] - self.lefts[0] - SPACE
        names = [layer.layer for layer in self.panel.layers]
        for left, name in zip(self.lefts[:-1], names, strict=True):
            self.sheet.text(left, baseline, shortened(name, TEXT_PT, room, bold=True), TEXT_PT,
                            bold=True)  # fmt: skip
        noun = "Labels" if len(self.panel.contrast.names) > 1 else "Label"
        self.sheet.text(self.lefts[-1], baseline, noun, TEXT_PT, bold=True)

    def bands(self) -> None:
        """Place all bands, the widest first, so that none hides a narrower one."""
        share = np.linspace(0, 1, STEPS)
        across, down = 3 * share**2 - 2 * share**3, 3 * share**2 - 2 * share**3
        across = (share + across) / 2  # between a straight line and an S
        pairs = list(zip(self.diagram.bands, self.layout.bands, strict=True))
        for band, placed in sorted(pairs, key=lambda pair: -pair[1].thickness):
            source, target = (self.diagram.nodes[i] for i in (band.source, band.target))
            left = self.lefts[source.column] + self.node_width
            xs = left + (self.lefts[target.column] - left) * across
            ys = self.top + placed.start + (placed.end - placed.start) * down
            edge = np.concatenate([xs, xs[::-1]]), np.concatenate([ys, ys[::-1] + placed.thickness])
            hue = flow_words.colour_of(self.diagram, band)
            self.sheet.area(edge[0].tolist(), edge[1].tolist(), hue, OPACITY)

    def node(self, place: int) -> None:
        """Place a node: bars at its sides, and what tells what it is."""
        node, placed = self.diagram.nodes[place], self.layout.nodes[place]
        value = flow_words.numbers(self.diagram)[place]
        left = self.lefts[node.column]
        hue = PLAIN
        if node.kind == "group":
            hue = colour.factor_colours(self.panel.groups)[node.place]
        sides = [(left, placed.entering), (left + self.node_width - BAR, placed.leaving)]
        for start, height in sides[: 1 if node.kind == "label" else 2]:
            self.sheet.box(start, self.top + placed.middle - height / 2, BAR, height, hue)
        if node.kind == "label":
            self._label(node, value, left + BAR + 1.0, self.top + placed.middle)
            return
        self._words(node, value, left, self.top + placed.top)
        if node.kind == "group":
            self._tiles(node, placed, left)

    def _words(self, node: Node, value: str, left: float, top: float) -> None:
        if node.kind == "group":
            room = self.node_width - text_width(node.name, SMALL_PT, bold=True) - 0.8
            self.sheet.text(left, top + 2.5, node.name, SMALL_PT, bold=True)
            value = shortened(value, SMALL_PT, room)
            right = left + self.node_width
            self.sheet.text(right, top + 2.5, value, SMALL_PT, colour=GREY, align="right")
            return
        room = max(self.node_width, 0.9 * (self.lefts[1] - self.lefts[0]))
        for line, text in enumerate((node.name, value)):
            baseline = top + 2.5 + line * LINE
            self.sheet.text(left, baseline, shortened(text, SMALL_PT, room), SMALL_PT, colour=GREY)

    def _tiles(self, node: Node, placed: PlacedNode, left: float) -> None:
        layer = self.panel.layers[node.column]
        rows, cols, _ = self.panel.pixels.shape
        width = self.tile * min(1.0, cols / rows)
        both = layer.sprites is not None and 2 * self.tile < self.node_width
        content = self.tile * 2 + SPACE if both else self.tile
        start = left + (self.node_width - content) / 2
        at = Place(start, 0.0, width)
        height = at.height(self.panel.pixels)
        at = Place(start, self.top + placed.middle - height / 2, width)
        overlay = colour.single_factor_image(layer.spatial, node.place)
        place_overlay(self.sheet, at, dimmed(self.panel.pixels), overlay, self.style)
        if both and layer.sprites is not None:
            top = self.top + placed.middle - self.tile / 2
            at = Place(start + self.tile + SPACE, top, self.tile)
            place_sprite(self.sheet, at, layer.sprites.of(node.place))

    def _label(self, node: Node, value: str, left: float, middle: float) -> None:
        room = self.sheet.width - EDGE - left
        lines = wrapped(node.name, TEXT_PT, room)[:MOST_LINES]
        baseline = middle - (len(lines) + 1) * LINE / 2 + 2.4
        for line in lines:
            self.sheet.text(left, baseline, line, TEXT_PT)
            baseline += LINE
        self.sheet.text(left, baseline, shortened(value, SMALL_PT, room), SMALL_PT, colour=GREY)
