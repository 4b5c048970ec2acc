"""Flow between neuron groups for a page: where groups are, and diagrams with their places."""

from __future__ import annotations

import json

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures import flow_words
from blockscope.figures.colour import factor_colours
from blockscope.figures.data.flow import Band, Diagram, FlowLayer, FlowPanel
from blockscope.figures.flow_layout import PlacedBand, Sizes, arrange
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray
from blockscope.figures.palettes import PLAIN

SIZES = Sizes(tile=56, line=15, label=64, gap=7)  # CSS pixels
LISTED = 6  # bands of a node in each direction
IMAGES_PART = 8  # their images may take an eighth of what those of sprites and cells take


def pack_flow(page: PageData, _: Panel) -> dict[str, object]:
    """Return the groups of each layer of the flow, and a diagram for each score."""
    panel = FlowPanel.of_run(page.run, page.files)
    room = page.image_room // IMAGES_PART // len(panel.layers)
    diagrams = [_diagram(panel, diagram) for diagram in panel.diagrams]
    page.fixed_size += len(json.dumps(diagrams))
    return {
        "headings": [*(layer.layer for layer in panel.layers), "labels"],
        "layers": [_layer(page, layer, room) for layer in panel.layers],
        "tile": SIZES.tile,
        "colours": factor_colours(panel.groups),
        "diagrams": diagrams,
        "scores": [
            {"value": str(place), "words": diagram.score}
            for place, diagram in enumerate(panel.diagrams)
        ],
        "hint": "Hover over a group to see its bands alone, click to pin it.",
        "note": flow_words.remainders(panel),
    }


def _layer(page: PageData, layer: FlowLayer, room: int) -> dict[str, object]:
    packed: dict[str, object] = {
        "spatial": PackedArray(layer.spatial.transpose(2, 0, 1)),
    }
    if layer.sprites is not None:
        tiles = np.stack([layer.sprites.of(group) for group in range(layer.spatial.shape[-1])])
        packed["sheet"] = page.sheet(tiles, room)
    return packed


def _diagram(panel: FlowPanel, diagram: Diagram) -> dict[str, object]:
    layout = arrange(diagram, SIZES)
    colours = factor_colours(panel.groups)
    numbers = flow_words.numbers(diagram)
    bands = sorted(
        zip(diagram.bands, layout.bands, strict=True), key=lambda pair: -pair[1].thickness
    )
    return {
        "score": diagram.score,
        "caption": flow_words.foot(panel, diagram),
        "height": round(layout.height, 1),
        "nodes": [
            {
                "id": f"{node.column + 1}.{node.place + 1 if node.kind == 'label' else node.name}",
                "column": node.column,
                "kind": node.kind,
                "place": node.place,
                "name": node.name,
                "words": flow_words.node_words(panel, node),
                "sentence": flow_words.sentence(panel, diagram, node, number),
                "value": number,
                "colour": colours[node.place] if node.kind == "group" else PLAIN,
                "top": round(placed.top, 1),
                "middle": round(placed.middle - placed.top, 1),
                "height": round(placed.middle - placed.top + placed.height / 2, 1),
                "entering": round(placed.entering, 2),
                "leaving": round(placed.leaving, 2),
                **_listed(panel, diagram, at),
            }
            for at, (node, placed, number) in enumerate(
                zip(diagram.nodes, layout.nodes, numbers, strict=True)
            )
        ],
        "bands": [
            {
                "source": band.source,
                "target": band.target,
                "kind": _kind(diagram, band),
                "fill": flow_words.colour_of(diagram, band),
                "path": _path(placed),
            }
            for band, placed in bands
        ],
    }


def _kind(diagram: Diagram, band: Band) -> str:
    return f"{'for' if band.value > 0 else 'against'}{'' if diagram.is_plain(band) else ' pale'}"


def _path(band: PlacedBand) -> str:
    """Return the outline of a band as the path of an SVG, from 0 to 1 across."""
    start, end = round(band.start, 1), round(band.end, 1)
    below, under = round(start + band.thickness, 2), round(end + band.thickness, 2)
    return f"M0 {start}C.5 {start} .5 {end} 1 {end}V{under}C.5 {under} .5 {below} 0 {below}Z"


def _listed(panel: FlowPanel, diagram: Diagram, at: int) -> dict[str, object]:
    """Return a node's largest bands in each direction, and the largest of them all."""
    entering = [(band.source, band.value) for band in diagram.bands if band.target == at]
    leaving = [(band.target, band.value) for band in diagram.bands if band.source == at]
    sides = []
    for title, ends in (("Enters from", entering), ("Passes on to", leaving)):
        largest = sorted(ends, key=lambda end: -abs(end[1]))[:LISTED]
        bars = [
            {"name": flow_words.node_words(panel, diagram.nodes[end]), "value": _short(value)}
            for end, value in largest
        ]
        sides += [{"title": title, "bars": bars}] if bars else []
    return {
        "sides": sides,
        "full": _short(max((abs(value) for _, value in entering + leaving), default=0.0)),
    }


def _short(value: float) -> float:
    """Return a number with the digits that a page shows, and some more."""
    return float(f"{value:.5g}")
