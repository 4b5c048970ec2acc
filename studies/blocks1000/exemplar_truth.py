"""Do the exemplars of a channel share a colour, a fill or a shape? Drawn scenes can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from blockscope.io.blocks1000.scenes import Scene

PARTS: Final = ("shape", "fill", "colour")
NOTHING: Final = (-1, -1, -1)  # of an exemplar that shows no block
LEVEL: Final = 0.01  # share of channels that would be found if images were dealt out by lot
Kinds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sharing:
    """How alike the exemplars of channels are in one part of a block's kind.

    Attributes
    ----------
    part
        shape, fill or colour.
    agreement
        Of two exemplars of a channel, how often both share it: mean over channels, 0..1.
    error
        Standard error of that mean over the channels.
    chance
        The same mean where the exemplars of all channels are dealt out by lot.
    beyond
        Whether each channel agrees more than in all but ``LEVEL`` of such deals; by chance that
        share of them would.
    """

    part: str
    agreement: float
    error: float
    chance: float
    beyond: npt.NDArray[np.bool_]

    @property
    def channels(self) -> int:
        """How many channels agree beyond chance."""
        return int(self.beyond.sum())


def shown_kind(scene: Scene, place: tuple[int, int], cells: tuple[int, int], window: int) -> Kinds:
    """Return the kind of block that an exemplar shows: shape, fill, colour.

    Parameters
    ----------
    scene
        The image.
    place
        Row and column of the exemplar in the layer's map.
    cells
        Rows and columns of that map.
    window
        Side in pixels of the square around the position in which the block is looked for.

    Returns
    -------
    The kind of the block with the most pixels there, or ``NOTHING`` without any.
    """
    size = scene.masks.shape[1:]
    centre = [(at + 0.5) * side / count for at, side, count in zip(place, size, cells, strict=True)]
    rows, cols = (slice(max(round(at - window / 2), 0), round(at + window / 2)) for at in centre)
    pixels = scene.masks[:, rows, cols].sum((1, 2))
    if not pixels.any():
        return np.array(NOTHING)
    return np.array(scene.blocks[int(pixels.argmax())].kind)


def sharing(kinds: Kinds, seed: int, deals: int = 500) -> list[Sharing]:
    """Compare exemplars of the same channel with exemplars that are dealt out by lot.

    The lot keeps how many exemplars with a block each channel has, and how often each block is an
    exemplar of any channel: what all channels of a layer respond to is no agreement of one.

    Parameters
    ----------
    kinds
        What exemplars show (channel, exemplar, part); ``NOTHING`` where there is none.
    seed
        Of the lots.
    deals
        How many.

    Returns
    -------
    One for shape, fill and colour. Channels with fewer than two blocks are left out.
    """
    counts = (kinds[..., 0] >= 0).sum(1)
    kinds, counts = kinds[counts > 1], counts[counts > 1]
    there = kinds[..., 0] >= 0
    rng = np.random.default_rng([seed, deals])
    pool = kinds[there]
    found = []
    for at, part in enumerate(PARTS):
        own = _agreement(kinds[..., at], counts)
        dealt = np.empty((deals, len(kinds)))
        values = np.full(there.shape, -1, np.int64)
        for number in range(deals):
            values[there] = rng.permutation(pool[:, at])
            dealt[number] = _agreement(values, counts)
        exceeded = (1 + (dealt >= own).sum(0)) / (1 + deals)
        found.append(
            Sharing(
                part,
                float(own.mean()),
                float(own.std(ddof=1) / np.sqrt(len(own))),
                float(dealt.mean()),
                exceeded <= LEVEL,
            )
        )
    return found


def _agreement(values: Kinds, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return for each channel how many pairs of its exemplars have the same value, as a share."""
    alike = np.zeros(len(values))
    for value in range(int(values.max()) + 1):
        times = (values == value).sum(1)
        alike += times * (times - 1)
    return np.asarray(alike / (counts * (counts - 1)))


def table(found: Sequence[Sharing]) -> str:
    """Return the comparison as lines of text."""
    channels = len(found[0].beyond)
    expected = LEVEL * channels
    lines = [f"  {'part':8}{'agreement':>18}{'by lot':>9}   channels of {channels} (by lot)"]
    lines += [
        f"  {one.part:8}{one.agreement:9.3f} +- {one.error:.3f}{one.chance:9.3f}   "
        f"{one.channels} ({expected:.0f} +- {np.sqrt(expected * (1 - LEVEL)):.0f})"
        for one in found
    ]
    any_of_them = int(np.any([one.beyond for one in found], axis=0).sum())
    most = LEVEL * len(found) * channels
    return "\n".join([*lines, f"  any of them: {any_of_them} (at most {most:.0f})"])
