"""The data of a run's page: what its script reads, as JSON knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import xarray as xr

from blockscope.config.panels import PANELS, Panel
from blockscope.config.settings import RunRow
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.sprites import Sprites
from blockscope.figures.page.packers.pack_activations import pack_activations
from blockscope.figures.page.packers.pack_channels import pack_channels
from blockscope.figures.page.packers.pack_flow import pack_flow
from blockscope.figures.page.packers.pack_grids import pack_grids
from blockscope.figures.page.packers.pack_groups import pack_groups
from blockscope.figures.page.packers.pack_maps import map_versions, pack_maps
from blockscope.figures.page.packers.pack_trust import pack_trust
from blockscope.figures.page.page_budget import fit_to_budget
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray, packed_palette
from blockscope.figures.palettes import palettes
from blockscope.figures.style import Style
from blockscope.io import images
from blockscope.io.label_scores import score_name

NO_PAGES: Mapping[str, str] = {}
IMAGES_SHARE = 45  # percent of the room that the images of cells and sprites may take

PACKERS: Mapping[str, Callable[[PageData, Panel], dict[str, object]]] = {
    "activations": pack_activations,
    "channels": pack_channels,
    "flow": pack_flow,
    "grids": pack_grids,
    "groups": pack_groups,
    "maps": pack_maps,
    "trust": pack_trust,
}
"""By ``Panel.page_content``: each returns what one panel reads, and adds to `PageData` what others
read too.
"""


def payload(
    run: RunRow,
    panels: Sequence[str],
    files: PanelFiles,
    style: Style,
    input_uri: str,
    room: int,
    channel_pages: Mapping[str, str] = NO_PAGES,
) -> dict[str, object]:
    """Return the data of a page; arrays are packed as `quantization.pack` says.

    Costs reading the files and deflating the arrays, a second for layers of 14 x 14 positions.

    Parameters
    ----------
    run
        What the page is about.
    panels
        What it shows, in order.
    files
        Those of all its panels.
    style
        How the page looks at the start.
    input_uri
        The input image as a data: address.
    room
        Characters that arrays and images may take together.
    channel_pages
        Addresses of the pages of channels, by layer.

    Returns
    -------
    dict
        JSON's types only.
    """
    rows, cols, _ = images.read_png(files.one("image"))[0].shape
    data: dict[str, object] = {
        "run": run.run,
        "model": run.model,
        "image": run.image,
        "override": run.override,
        "opacity": style.opacity,
        "input": {"uri": input_uri, "rows": rows, "cols": cols},
        "palettes": [packed_palette(name) for name in palettes()],
        "layers": [{"name": layer} for layer in run.layers],
    }
    shown = [PANELS[name] for name in panels if PANELS[name].scripted]
    image_room = room * IMAGES_SHARE // 100
    # Sprites and the cells of grids have equal parts.
    sheet_room = image_room // (1 + any("grids" in panel.inputs for panel in shown))
    page = PageData(run, files, style, image_room, sheet_room)
    data["panels"] = {
        panel.name: {
            "title": panel.title,
            "data": PACKERS[panel.page_content](page, panel),
        }
        for panel in shown
    }
    if any("classes2" in panel.inputs for panel in shown):
        data["labels"] = _labels(page.labels)
        data["contrast"] = asdict(page.contrast) | {"text": page.contrast.text}
    shared: dict[str, object] = {
        "channels": [page.channels[place] for place in sorted(page.channels)],
        "activations": page.activations,
        "sprites": _sheets(page, page.sprites),
        "exemplars": _sheets(page, page.exemplars),
        "channel_pages": dict(channel_pages),
    }
    versions = map_versions(run.layers, page.maps) if page.maps else iter([{}])
    built = (_with_maps(data, shared, version) for version in versions)
    return fit_to_budget(built, room - page.fixed_size)


def _with_maps(
    data: Mapping[str, object], shared: Mapping[str, object], version: Mapping[str, object]
) -> dict[str, object]:
    layers, maps = version.get("layers", data["layers"]), version.get("maps", {})
    return {**data, "layers": layers, "shared": {**shared, "maps": maps}}


def _labels(classes: xr.Dataset) -> dict[str, object]:
    return {
        "name": [str(name) for name in classes["label"].values],
        "index": classes["index"].to_numpy().tolist(),
        score_name(classes): PackedArray(classes[score_name(classes)].to_numpy()[None]),
    }


def _sheets(page: PageData, wanted: Mapping[str, tuple[Sprites, set[int]]]) -> dict[str, object]:
    """Return for each layer a sheet of the wanted channels; all share the room by their numbers."""
    kinds = (page.sprites, page.exemplars)
    count = sum(len(channels) for kind in kinds for _, channels in kind.values())
    sheets: dict[str, object] = {}
    for layer, (sprites, channels) in wanted.items():
        if channels:
            tiles = np.stack([sprites.of(channel) for channel in sorted(channels)])
            sheet = page.sheet(tiles, page.sheet_room * len(channels) // count)
            sheets[layer] = sheet | {"channels": sorted(channels), "words": sprites.exemplars}
    return sheets
