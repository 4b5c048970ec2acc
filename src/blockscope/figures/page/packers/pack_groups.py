"""Neuron groups for a page: where each is, its strongest channels, its effects on all labels."""

from __future__ import annotations

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures.arrays import Floats
from blockscope.figures.colour import factor_colours
from blockscope.figures.data.sprites import Sprites, read_exemplar_sheet, read_sprites
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray

IMAGES_PART = 8  # their images may take an eighth of what those of sprites and cells take
CHANNELS = 12  # strongest channels of each group
SHOWN = 4  # of these, with their exemplars


def pack_groups(page: PageData, _: Panel) -> dict[str, object]:
    """Return the neuron groups of the earlier layer, with images where they were rendered."""
    groups = page.read(page.files.one("groups1"))
    spatial = groups["spatial"].transpose("factor", "row", "col").to_numpy()
    vectors = groups["channels"].transpose("factor", "channel").to_numpy()
    order = np.argsort(-vectors, axis=1, kind="stable")[:, :CHANNELS]
    strongest: Floats = np.take_along_axis(vectors, order, axis=1)
    packed: dict[str, object] = {
        "layer": str(groups.attrs["layer"]),
        "spatial": PackedArray(spatial),
        "channels": {"channel": order.tolist(), "value": strongest.tolist()},
        "magnitude": groups["magnitude"].to_numpy().tolist(),
        "effect": PackedArray(groups["effect"].transpose("factor", "label").to_numpy()),
        "colours": factor_colours(len(spatial)),
        "relative_error": float(groups.attrs["relative_error"]),
        "clipped": float(groups.attrs["clipped"]),
    }
    layer = page.run.layer1
    exemplars = read_exemplar_sheet(page.files.many("exemplars1"), vectors.shape[1])
    page.add_pictures(layer, None, exemplars, order[:, :SHOWN].ravel().tolist())
    sprites = read_sprites(page.files.many("group_sprites1"), len(spatial))
    if sprites is not None:
        packed["sheet"] = _sheet(page, sprites, len(spatial))
    own = read_exemplar_sheet(page.files.many("group_exemplars1"), len(spatial))
    if own is not None:
        packed["exemplars"] = {**_sheet(page, own, len(spatial)), "words": own.exemplars}
    return packed


def _sheet(page: PageData, sprites: Sprites, groups: int) -> dict[str, object]:
    tiles = np.stack([sprites.of(group) for group in range(groups)])
    return page.sheet(tiles, page.image_room // IMAGES_PART)
