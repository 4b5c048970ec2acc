"""The stage "channel_page": a page with an article for each channel of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blockscope.figures.data.channel_pages import read_drivers, read_exemplars, read_uses
from blockscope.figures.data.contact_sheet import read_layer_sprites
from blockscope.figures.page.channel_page import ChannelPage, Links, channel_html
from blockscope.io import provenance
from blockscope.io.atomic_files import FilePath, atomic_write_text
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard


def write_channel_page(
    *,
    output: FilePath,
    card: FilePath,
    exemplars: Sequence[FilePath],
    sheets: Sequence[FilePath],
    sprites: Sequence[FilePath],
    drivers: Sequence[FilePath],
    layer: str,
    page: int,
    per_page: int,
    pages: Sequence[FilePath],
    uses: Sequence[Mapping[str, Any]],
    top_channels: int,
    layers: Mapping[str, FilePath],
    gallery: FilePath,
) -> None:
    """Write one of the pages of a layer's channels.

    Parameters
    ----------
    output
        The page; links in it are relative to its folder.
    card
        Of the network.
    exemplars
        A file for each data set.
    sheets
        The crops of each.
    sprites
        The layer's spritemap, ``.zarr.zip``, or none.
    drivers
        Attribution between the channels of the layer and those of others.
    layer
        The layer.
    page
        From 0.
    per_page
        Channels of each page but the last.
    pages
        All pages of the layer.
    uses
        For each run that shows the layer's channels: ``run``, its ``page``, the ``panel``, the
        ``classes`` that it compares, its ``channels`` and its ``labels`` (files).
    top_channels
        How many of each sign a run's panel shows.
    layers
        The first page of each layer that has any.
    gallery
        The page of all runs.

    Raises
    ------
    BadFile
        Where a file is of another network or layer, or the page would be larger than 3 MB.
    """
    model = ModelCard.read(card)
    count = model.layer(layer).shape[2]
    found = read_exemplars(exemplars, sheets, model, layer)
    if not found:
        raise BadFile(
            f"no run of model '{model.model}' names a data set, and a page of channels shows its "
            "exemplars; fill the column dataset of the table of runs"
        )
    numbers = range(page * per_page, min((page + 1) * per_page, count))
    rendered = [read_layer_sprites(path) for path in sprites]
    shown = ChannelPage(
        card=model,
        layer=layer,
        numbers=numbers,
        per_page=per_page,
        count=count,
        exemplars=found,
        sprites=rendered[0] if rendered else None,
        drivers=read_drivers(drivers, layer),
        uses=[
            read_uses(
                use["run"], use["panel"], use["classes"], use["channels"], use["labels"],
                top_channels,
            )
            for use in uses
        ],
    )  # fmt: skip
    runs = {str(use["run"]): use["page"] for use in uses}
    facts = provenance.record(
        "channel_page",
        **model.identity,
        layer=layer,
        datasets=", ".join(one.dataset for one in found),
    )
    links = Links(output, pages, layers, runs, gallery)
    atomic_write_text(output, channel_html(shown, links, facts))
