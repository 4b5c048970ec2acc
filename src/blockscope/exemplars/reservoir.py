"""A uniform sample of single activation vectors, over all positions of all images.

Each position has a fixed random number, made of the seed, the image and the position; the sample is
those with the smallest. So it depends on no order, and samples of parts can be joined.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass
class Reservoir:
    """At most ``most`` vectors, in the order of their random numbers.

    Attributes
    ----------
    most
        How many are kept.
    seed
        Of the random numbers.
    key
        uint64 (sample): those numbers, ascending.
    vector
        float32 (sample, channel).
    number
        int64 (sample): the image of each.
    position
        int32 (sample): its position in the image, row by row.
    """

    most: int
    seed: int
    key: npt.NDArray[np.uint64]
    vector: npt.NDArray[np.float32]
    number: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    _waiting: list[Reservoir] = field(default_factory=list, repr=False)

    @classmethod
    def empty(cls, most: int, seed: int, channels: int) -> Reservoir:
        """Return a sample of nothing yet."""
        nothing = np.zeros((0, channels), np.float32)
        none = np.zeros(0, np.int64)
        return cls(most, seed, none.astype(np.uint64), nothing, none, none.astype(np.int32))

    def update(self, activations: npt.NDArray[np.float32], numbers: npt.NDArray[np.int64]) -> None:
        """Take in the vectors (image, position, channel) of images that it has not seen.

        They count from the next ``settle`` on.
        """
        if self.most == 0:
            return
        keys = random_numbers(self.seed, numbers, activations.shape[1])
        last = self.key[-1] if len(self.key) >= self.most else np.uint64(2**64 - 1)
        image, position = np.nonzero(keys <= last)
        if len(image) == 0:
            return
        found = keys[image, position], activations[image, position], numbers[image]
        self._waiting.append(Reservoir(self.most, self.seed, *found, position.astype(np.int32)))
        # To sort them into the sample copies all of it, which is too slow for every few.
        if sum(len(one.key) for one in self._waiting) >= self.most:
            self.settle()

    def settle(self) -> None:
        """Sort in what has been taken in."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._join(waiting)

    def merge(self, other: Reservoir) -> None:
        """Take in the sample of other images; both are settled."""
        self._join([other])

    def _join(self, others: list[Reservoir]) -> None:
        all_of = [self, *others]
        keys = np.concatenate([one.key for one in all_of])
        numbers = np.concatenate([one.number for one in all_of])
        positions = np.concatenate([one.position for one in all_of])
        order = np.lexsort((positions, numbers, keys))[: self.most]
        self.vector = np.concatenate([one.vector for one in all_of])[order]
        self.key, self.number, self.position = keys[order], numbers[order], positions[order]


def random_numbers(
    seed: int, numbers: npt.NDArray[np.int64], positions: int
) -> npt.NDArray[np.uint64]:
    """Return a random number (image, position) for every position of some images.

    That of a position depends on nothing else: SplitMix64's mixing (Steele et al. 2014) of the
    seed, then of the image, then of the position.
    """
    with np.errstate(over="ignore"):
        of_image = _mixed(_mixed(np.uint64(seed)) + numbers.astype(np.uint64))
        return _mixed(of_image[:, None] + np.arange(positions, dtype=np.uint64)[None])


def _mixed(value: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint64]:
    mixed = np.atleast_1d(value) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
