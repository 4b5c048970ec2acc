"""A page with an article for each channel of a layer: what drives it, and what it is used for.

Layers of many channels have several pages, of equally many channels. Like all pages it holds
everything and loads nothing; without a script its articles are in the order of their numbers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from blockscope.figures import captions
from blockscope.figures.arrays import Floats, Pixels
from blockscope.figures.data.channel_pages import (
    DatasetExemplars,
    Drivers,
    Use,
    label_relevance,
    largest_values,
)
from blockscope.figures.data.contact_sheet import LayerSprites
from blockscope.figures.page.html import as_html, link, script
from blockscope.figures.page.page_budget import LARGEST_PAGE
from blockscope.figures.page.sprite_sheet import SpriteSheet, sprite_sheet
from blockscope.io.errors import BadFile
from blockscope.io.provenance import Facts
from blockscope.models.card import ModelCard

Path = str | os.PathLike[str]

SPRITES_SHARE = 30  # percent of the room for images that sprites may take, where there are any
SPARE = 2000  # bytes for what the page says about its sheets once they are made
LABELS = 4  # for, and as many against
TALL = 40  # units of the drawing that the highest bar of a histogram has
TITLES = {
    "activation_maximum": "Strongest activation",
    "relevance_maximum": "Strongest relevance",
}


@dataclass(frozen=True)
class ChannelPage:
    """What a page shows.

    Attributes
    ----------
    card
        The network's.
    layer
        The layer.
    numbers
        The channels of this page.
    per_page
        Channels of each page but the last.
    count
        Channels of the layer.
    exemplars
        Of each data set.
    sprites
        Of the layer, or None where none were rendered.
    drivers
        Of all runs.
    uses
        For each run the channels that are among its strongest.
    """

    card: ModelCard
    layer: str
    numbers: range
    per_page: int
    count: int
    exemplars: Sequence[DatasetExemplars]
    sprites: LayerSprites | None
    drivers: Sequence[Drivers]
    uses: Sequence[Mapping[int, Use]]


@dataclass(frozen=True)
class Links:
    """Where the pages lead.

    Attributes
    ----------
    output
        This page; addresses are relative to its folder.
    pages
        All pages of the layer, in the order of their channels.
    layers
        The first page of each layer that has any.
    runs
        The page of each run.
    gallery
        The page of all runs.
    """

    output: Path
    pages: Sequence[Path]
    layers: Mapping[str, Path]
    runs: Mapping[str, Path]
    gallery: Path

    def to(self, target: Path) -> str:
        """Return the address of a file."""
        return link(target, self.output)

    def channel(self, layer: str, channel: int) -> str:
        """Return the address of a channel's article; empty where its layer has no pages."""
        return f"{self.to(self.layers[layer])}#{channel}" if layer in self.layers else ""


def channel_html(page: ChannelPage, links: Links, facts: Facts) -> str:
    """Return a page; its images are as large as 3 MB have room for.

    Costs encoding the sheets of images, some seconds.

    Raises ``BadFile`` where not even the smallest images fit.
    """
    crops = _crops(page)
    summary = _summary(page)
    content = {
        "page": page,
        "links": links,
        "at": [os.fspath(other) for other in links.pages].index(os.fspath(links.output)),
        "addresses": [links.to(other) for other in links.pages],
        "articles": [_article(page, links, channel) for channel in page.numbers],
        "summary": summary,
        "per_page": page.per_page,
        "facts": dict(facts),
        "script": script("channels.js"),
    }
    nothing = SpriteSheet("", 0, 1, 0)
    without = as_html("channels.html.j2", **content, sprites=nothing, crops=nothing)
    room = LARGEST_PAGE - len(without.encode()) - SPARE
    sprites = nothing
    if page.sprites is not None:
        pixels = page.sprites.pixels[page.numbers.start : page.numbers.stop]
        sprites = sprite_sheet(pixels, room * SPRITES_SHARE // 100)
    sheet = sprite_sheet(crops, room - len(sprites.uri))
    text = as_html("channels.html.j2", **content, sprites=sprites, crops=sheet)
    if len(text.encode()) > LARGEST_PAGE:
        raise BadFile(
            f"the page of channels {page.numbers[0]} to {page.numbers[-1]} of layer '{page.layer}' "
            f"would have {len(text.encode()) / 1e6:.1f} MB; a page has at most 3 MB: show fewer "
            "data sets of one model (column dataset of the table of runs)"
        )
    return text


def _crops(page: ChannelPage) -> Pixels:
    """Return the crops (crop, row, col, rgb) of all articles, in their order."""
    parts = []
    for shown in page.exemplars:
        own = shown.crops[:, page.numbers.start : page.numbers.stop]
        parts.append(own.transpose(1, 0, 2, 3, 4, 5).reshape(len(page.numbers), -1, *own.shape[3:]))
    joined = np.concatenate(parts, axis=1)
    return joined.reshape(-1, *joined.shape[2:])


def _summary(page: ChannelPage) -> dict[str, object]:
    """Return what the script sorts and searches by, of all channels of the layer."""
    found = page.exemplars[0].found
    places: dict[str, int] = {}
    words = []
    for channel in range(page.count):
        sides = [label_relevance(one.found, page.card, channel, LABELS) for one in page.exemplars]
        # As the script makes small letters of what is looked for.
        names = [name.lower() for both in sides for side in both for name, _, _ in side]
        words.append([places.setdefault(name, len(places)) for name in dict.fromkeys(names)])
    return {
        "mean": _rounded(found.mean),
        "zeros": _rounded(found.zeros),
        "largest": _rounded(largest_values(found)),
        "labels": list(places),
        "words": words,
    }


def _article(page: ChannelPage, links: Links, channel: int) -> dict[str, object]:
    drivers = []
    for one in page.drivers:
        strongest = one.strongest(channel)
        full = max((abs(value) for _, value in strongest), default=0.0)
        drivers.append(
            {
                "of": one,
                "channels": [
                    (number, captions.signed(value, full), links.channel(one.other, number))
                    for number, value in strongest
                ],
            }
        )
    return {
        "number": channel,
        "datasets": [_exemplars(page, place, channel) for place in range(len(page.exemplars))],
        "below": [each for each in drivers if each["of"].below and each["channels"]],  # type: ignore[attr-defined]
        "above": [each for each in drivers if not each["of"].below and each["channels"]],  # type: ignore[attr-defined]
        "uses": [
            (
                use,
                captions.signed(use.value, abs(use.value)),
                f"{links.to(links.runs[use.run])}#{use.panel}",
            )
            for of_run in page.uses
            if (use := of_run.get(channel))
        ],
    }


def _exemplars(page: ChannelPage, place: int, channel: int) -> dict[str, object]:
    """Return what the article of a channel says of one data set."""
    shown = page.exemplars[place]
    found = shown.found
    before = sum(one.crops.shape[0] * one.crops.shape[2] for one in page.exemplars[:place])
    each = sum(one.crops.shape[0] * one.crops.shape[2] for one in page.exemplars)
    first = (channel - page.numbers.start) * each + before
    strips = []
    for at, ranking in enumerate(shown.rankings):
        stored = found.rankings.index(ranking)
        ranks = shown.crops.shape[2]
        crops = [
            (first + at * ranks + rank, shown.words((stored, channel, rank)))
            for rank in range(ranks)
            if found.drives[stored, channel, rank]
        ]
        strips.append({"title": TITLES[ranking], "crops": crops})
    above, below = label_relevance(found, page.card, channel, LABELS)
    full = max((abs(value) for _, value, _ in (*above, *below)), default=0.0)
    return {
        "name": shown.dataset,
        "strips": strips,
        "histogram": _histogram(shown, channel),
        "labels": [
            (title, [(name, captions.signed(value, full), count, abs(value) / full)
                     for name, value, count in listed])
            for title, listed in (("for", above), ("against", below))
        ],
    }  # fmt: skip


def _histogram(shown: DatasetExemplars, channel: int) -> dict[str, object]:
    """Return a channel's histogram: the outline of its bars in an SVG, and numbers in words."""
    found, bins = shown.found, shown.bins
    counts = bins["count"].to_numpy()
    most = float(np.log1p(counts.max()))
    low, high = bins["low"].to_numpy(), bins["high"].to_numpy()
    own = counts[channel]
    heights = TALL * np.log1p(own) / most
    zero = np.flatnonzero((low == 0) & (high == 0))
    outline = "".join(
        f"M{place} {TALL}v-{tall:.1f}h.9v{tall:.1f}z"
        for place, tall in enumerate(heights)
        if tall > 0 and place not in zero
    )
    mean, largest = float(found.mean[channel]), float(largest_values(found)[channel])
    return {
        "width": len(own),
        "tall": TALL,
        "outline": outline,
        "zero": (int(zero[0]), float(heights[zero[0]])) if len(zero) else None,
        "first": _number(low[0]) if np.isfinite(low[0]) else "below",
        "last": _number(high[-1]) if np.isfinite(high[-1]) else "above",
        "positions": f"{int(own.sum()):,}",
        "zeros": _percent(float(found.zeros[channel])),
        "mean": _number(mean),
        "largest": _number(largest),
    }


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", captions.MINUS)


def _percent(share: float) -> str:
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{min(max(100 * share, 0.01), 99.99):.3g} %"


def _rounded(numbers: Floats) -> list[float | None]:
    return [float(f"{n:.5g}") if math.isfinite(n) else None for n in numbers]
