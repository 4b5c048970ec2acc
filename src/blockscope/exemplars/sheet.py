"""The crops of a layer's exemplars: of each image the part where its channel is strongest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.exemplars.crops import Box, box_around, share_inside, tile_of
from blockscope.exemplars.effective_field import Activation, centred_side, squared_gradients
from blockscope.exemplars.receptive_field import ReceptiveField, receptive_field
from blockscope.exemplars.result import LayerExemplars
from blockscope.io.images import Pixels
from blockscope.models.network import Network

RANKINGS = ("activation_maximum", "relevance_maximum")  # those that have a position of their own
RANKS = 9  # crops of a channel and ranking
TILE = 48  # pixels
SAMPLE = 64  # exemplars whose gradient says how far a position sees
QUARTILES = (0.25, 0.5, 0.75)

Read = Callable[[int], Pixels]
"""Returns an image of the data set by its number, as the network sees it."""


@dataclass(frozen=True)
class Field:
    """How much of the image positions of a layer see, in pixels of the network's input.

    Attributes
    ----------
    theoretical
        Where they are, and what they see at all.
    side
        Of the square that holds most of the squared gradient: that of the crops.
    counts
        Quartiles of the share of the squared gradient that is in the crop; empty where no
        activation of the sample has a gradient.
    """

    theoretical: ReceptiveField
    side: int
    counts: tuple[float, ...]

    def box(self, row: int, col: int) -> Box:
        """Return the part of the image around a position."""
        return box_around(self.theoretical.centre(row, col), self.side, self.theoretical.image)


def field_of(
    found: LayerExemplars,
    network: Network,
    layer: str,
    read: Read,
    memory_mb: int,
    seed: int = 0,
    directions: npt.NDArray[np.float32] | None = None,
) -> Field:
    """Return the field of a layer's positions, by the gradients of a sample of its exemplars.

    ``directions``: those that the exemplars are of, (channel, factor); None for channels. Costs a
    pass forward and one backward through the network for each of `SAMPLE` exemplars.
    """
    theoretical = receptive_field(network, layer)
    known = np.argwhere(found.drives[found.rankings.index(RANKINGS[0])])
    order = np.random.default_rng(seed).permutation(len(known))[:SAMPLE]
    places = [(0, int(channel), int(rank)) for channel, rank in known[np.sort(order)]]
    exemplars = [_Exemplar.of(found, *place) for place in places]
    shown = {one.number: read(one.number) for one in exemplars}
    units = [Activation(one.place[1], one.row, one.col) for one in exemplars]
    pixels = [shown[one.number] for one in exemplars]
    squared = squared_gradients(network, layer, pixels, units, memory_mb, directions)
    seen = [(u, one) for u, one in zip(units, squared, strict=True) if one.sum() > 0]
    if not seen:
        return Field(theoretical, max(theoretical.size), ())
    sides = [centred_side(one, theoretical.centre(unit.row, unit.col)) for unit, one in seen]
    field = Field(theoretical, min(round(float(np.median(sides))), max(theoretical.image)), ())
    shares = [share_inside(one, field.box(unit.row, unit.col)) for unit, one in seen]
    return Field(theoretical, field.side, tuple(map(float, np.quantile(shares, QUARTILES))))


def crops_of(
    found: LayerExemplars, field: Field, read: Read, background: tuple[int, int, int]
) -> xr.Dataset:
    """Return the crops of the strongest exemplars of all channels, and where each is.

    Every image is read once, however many channels show it, and none is kept.

    Parameters
    ----------
    found
        The exemplars of a layer.
    field
        How much of the image its positions see.
    read
        Returns an image by its number.
    background
        Colour beyond the edge of the image, and where no image of this rank drives a channel.

    Returns
    -------
    dataset
        ``crops`` (ranking, channel, rank, row, col, rgb) uint8 and ``box`` (ranking, channel, rank,
        edge) int32: top, left, bottom, right in pixels of the network's input, -1 for none. Of
        neuron groups the axis ``channel`` is ``factor``.
    """
    rankings = [name for name in RANKINGS if name in found.rankings]
    _, channels, ranks = found.number.shape
    shape = (len(rankings), channels, min(ranks, RANKS))
    crops = np.empty((*shape, TILE, TILE, 3), np.uint8)
    crops[:] = background
    box = np.full((*shape, 4), -1, np.int32)
    number, pixels = -1, np.empty((0, 0, 3), np.uint8)
    for one in sorted(_all(found, rankings, shape[2]), key=lambda one: one.number):
        if one.number != number:
            number, pixels = one.number, read(one.number)
        part = field.box(one.row, one.col)
        crops[one.place] = tile_of(pixels, part, TILE, background)
        box[one.place] = part.top, part.left, part.bottom, part.right
    axes = ("ranking", found.unit, "rank")
    shown = {"long_name": "red, green and blue of the crop's pixels, 0 to 255"}
    placed = {
        "long_name": "place of the crop in the network's input; -1 for none",
        "units": "pixel",
    }
    return xr.Dataset(
        {
            "crops": ((*axes, "row", "col", "rgb"), crops, shown),
            "box": ((*axes, "edge"), box, placed),
        },
        {"ranking": rankings, "rgb": list("rgb"), "edge": ["top", "left", "bottom", "right"]},
    )


def four_of(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the four strongest crops of each channel as one tile, 2 x 2, in reading order.

    ``crops``: (channel, rank, row, col, rgb); with fewer than four ranks the rest stays white.
    """
    count, ranks, side = crops.shape[:3]
    four = np.full((count, 4, side, side, 3), 255, np.uint8)
    four[:, : min(ranks, 4)] = crops[:, :4]
    grid = four.reshape(count, 2, 2, side, side, 3).transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(count, 2 * side, 2 * side, 3)


@dataclass(frozen=True)
class _Exemplar:
    """An image and a position in it; ``place`` is (ranking, channel, rank) among those shown."""

    number: int
    row: int
    col: int
    place: tuple[int, int, int]

    @classmethod
    def of(cls, found: LayerExemplars, at: int, channel: int, rank: int) -> _Exemplar:
        """Return one of the rankings that are shown."""
        stored = (found.rankings.index(RANKINGS[at]), channel, rank)
        row, col = map(int, found.position[stored])
        return cls(int(found.number[stored]), row, col, (at, channel, rank))


def _all(found: LayerExemplars, rankings: list[str], ranks: int) -> Iterator[_Exemplar]:
    for at, name in enumerate(rankings):
        drives = found.drives[found.rankings.index(name), :, :ranks]
        for channel, rank in np.argwhere(drives):
            yield _Exemplar.of(found, at, int(channel), int(rank))
