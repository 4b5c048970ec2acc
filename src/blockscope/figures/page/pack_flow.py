"""Flow between neuron groups for a page: where groups are, and diagrams with their places."""

from __future__ import annotations

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures.colour import factor_colours
from blockscope.figures.data.flow import Diagram, FlowLayer, FlowPanel
from blockscope.figures.flow_layout import Sizes, arrange
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray

SIZES = Sizes(tile=56, line=15, gap=7)  # CSS pixels
IMAGES_PART = 8  # their images may take an eighth of what those of sprites and cells take


def pack_flow(page: PageData, _: Panel) -> dict[str, object]:
    """Return the groups of each layer of the flow, and a diagram for each score."""
    panel = FlowPanel.of_run(page.run, page.files)
    room = page.image_room // IMAGES_PART // len(panel.layers)
    return {
        "layers": [_layer(page, layer, room) for layer in panel.layers],
        "colours": factor_colours(panel.groups),
        "tile": SIZES.tile,
        "line": SIZES.line,
        "unit": panel.unit,
        "diagrams": [_diagram(diagram) for diagram in panel.diagrams],
    }


def _layer(page: PageData, layer: FlowLayer, room: int) -> dict[str, object]:
    packed: dict[str, object] = {
        "name": layer.layer,
        "spatial": PackedArray(layer.spatial.transpose(2, 0, 1)),
        "unexplained": layer.unexplained,
    }
    if layer.sprites is not None:
        tiles = np.stack([layer.sprites.of(group) for group in range(layer.spatial.shape[-1])])
        packed["sheet"] = page.sheet(tiles, room)
    return packed


def _diagram(diagram: Diagram) -> dict[str, object]:
    layout = arrange(diagram, SIZES)
    return {
        "score": diagram.score,
        "height": round(layout.height, 1),
        "nodes": [
            {
                "column": node.column,
                "kind": node.kind,
                "place": node.place,
                "name": node.name,
                "value": _short(node.value),
                "top": round(placed.top, 1),
                "middle": round(placed.middle, 1),
                "entering": round(placed.entering, 2),
                "leaving": round(placed.leaving, 2),
            }
            for node, placed in zip(diagram.nodes, layout.nodes, strict=True)
        ],
        "bands": [
            {
                "source": band.source,
                "target": band.target,
                "value": _short(band.value),
                "plain": diagram.is_plain(band),
                "start": round(placed.start, 2),
                "end": round(placed.end, 2),
                "size": round(placed.thickness, 3),
            }
            for band, placed in zip(diagram.bands, layout.bands, strict=True)
        ],
    }


def _short(value: float) -> float:
    """Return a number with the digits that a page shows, and some more."""
    return float(f"{value:.5g}")
