"""Units: what a sprite can show of a layer, a channel, a neuron, or a direction of channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blockscope.feature_visualization.objectives import Objective, channel, direction, neuron
from blockscope.io.chosen_numbers import chosen_numbers
from blockscope.io.counts import counted
from blockscope.io.errors import BadFile


@dataclass(frozen=True, eq=False)
class Units:
    """Units of one layer, by number.

    Attributes
    ----------
    noun
        What one is: channel, neuron, direction.
    layer
        Its name.
    objective
        The sprite of unit n raises its image n.
    names
        What decides, with the recipe's seed and the layer, the random numbers of a sprite; units of
        another noun have other names.
    values
        Digest of what a number does not say: the directions.
    """

    noun: str
    layer: str
    objective: Objective
    names: Sequence[int | str]
    values: str = ""

    def __len__(self) -> int:
        return len(self.objective)

    def chosen(self, numbers: Sequence[int]) -> list[int]:
        """Return numbers of units as integers; raises what ``chosen_numbers`` does."""
        what = f"{self.noun}s of layer '{self.layer}'"
        return chosen_numbers(what, numbers, len(self), "numbers")


def channels(layer: str, count: int) -> Units:
    """Return the channels of a layer that has ``count``: each the mean over all positions."""
    numbers = range(count)
    return Units("channel", layer, channel(layer, numbers, count), numbers)


def neurons(layer: str, count: int) -> Units:
    """Return each channel's neuron at the middle position: row and column half of the map's."""
    names = [f"neuron {number}" for number in range(count)]
    return Units("neuron", layer, neuron(layer, range(count), count), names)


def directions(layer: str, vectors: npt.ArrayLike) -> Units:
    """Return directions of a layer, (direction, channel): each the mean dot product over positions.

    They are scaled to length 1, so that their objectives compare with each other and with channels;
    one of length 0 stays, and its sprite grey. The random numbers of a sprite follow from the
    channel in which its direction is largest, and from its sign there: neither rounding nor the
    place among other directions changes them. Raises ``BadFile`` for values that are not finite,
    and for another number of axes.
    """
    given = np.asarray(vectors, np.float64)
    if given.ndim != 2 or not given.size or not np.isfinite(given).all():
        wrong = int(np.count_nonzero(~np.isfinite(given)))
        raise BadFile(
            f"directions of layer '{layer}' have the shape {given.shape} and "
            f"{counted(wrong, 'entry', plural='entries')} that {'is' if wrong == 1 else 'are'} not "
            "finite; valid: finite numbers (direction, channel)"
        )
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    unit = (given / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    largest = np.abs(unit).argmax(axis=1)
    signs = unit[np.arange(len(unit)), largest] < 0
    names = [f"direction {'-' if s else '+'}{c}" for c, s in zip(largest, signs, strict=True)]
    digest = hashlib.sha256(unit.tobytes()).hexdigest()
    return Units("direction", layer, direction(layer, unit), names, digest)
