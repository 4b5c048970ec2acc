"""The activations of a layer for a page, position by position, with sprites of what is active."""

from __future__ import annotations

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures.data.activations import LayerActivations, representative_positions
from blockscope.figures.page.page_data import PageData

REPRESENTATIVE = 4  # positions that the page offers, as many as are printed
BITS = 16  # of activations whose numbers are shown


def pack_activations(page: PageData, _: Panel) -> dict[str, object]:
    """Add the activations of the earlier layer, and return its representative positions.

    These are places in the layer, counted row by row.
    """
    layer = page.run.layer1
    found = LayerActivations.of_run(page.run, page.files)
    page.add_activations(layer, found.activations, BITS)
    active = np.flatnonzero(found.activations.max(axis=(0, 1)) > 0)
    page.add_pictures(layer, found.sprites, found.exemplars, active.tolist())
    cols = found.activations.shape[1]
    cells = representative_positions(found.activations, REPRESENTATIVE)
    return {"layer": layer, "representative": [cell.row * cols + cell.col for cell in cells]}
