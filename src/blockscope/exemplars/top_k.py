"""The largest values of every unit over many images, with the image and the position of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Positions = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], npt.NDArray[np.integer]]


@dataclass
class TopK:
    """The ``k`` largest values of each unit; of equal ones, those of the earlier images.

    Attributes
    ----------
    value
        float32 (rank, unit), descending; minus infinity where there are fewer images.
    number
        int64 (rank, unit): the image of each, -1 where there is none.
    position
        int32 (rank, unit): the position in it, row by row; -1 where there is none.
    """

    value: npt.NDArray[np.float32]
    number: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, k: int, units: int) -> TopK:
        """Return a ranking of no image yet."""
        return cls(
            np.full((k, units), -np.inf, np.float32),
            np.full((k, units), -1, np.int64),
            np.full((k, units), -1, np.int32),
        )

    def update(
        self,
        values: npt.NDArray[np.float32],
        numbers: npt.NDArray[np.int64],
        positions: Positions,
    ) -> None:
        """Take in images that follow all earlier ones.

        Parameters
        ----------
        values
            (image, unit), finite.
        numbers
            Those of the images, ascending.
        positions
            Returns the positions of some of the values, given by image and unit. Asked only for
            those that are among the largest, which soon are few.
        """
        if len(values) == 0:
            return
        units = np.flatnonzero((values > self.value[-1]).any(axis=0))
        if not len(units):
            return
        count = len(self.value)
        value = np.concatenate([self.value[:, units], values[:, units]])
        number = np.concatenate(
            [self.number[:, units], np.broadcast_to(numbers[:, None], (len(values), len(units)))]
        )
        order = _largest(value, number, count)
        place = np.concatenate([self.position[:, units], np.full((len(values), len(units)), -1)])
        rank, column = np.nonzero(order >= count)
        entered = order[rank, column]
        place[entered, column] = positions(entered - count, units[column])
        self._take(units, order, value, number, place)

    def merge(self, other: TopK) -> None:
        """Take in what another one has found in other images; the order makes no difference."""
        units = np.arange(self.value.shape[1])
        value = np.concatenate([self.value, other.value])
        number = np.concatenate([self.number, other.number])
        place = np.concatenate([self.position, other.position])
        self._take(units, _largest(value, number, len(self.value)), value, number, place)

    def _take(
        self,
        units: npt.NDArray[np.intp],
        order: npt.NDArray[np.intp],
        value: npt.NDArray[np.float32],
        number: npt.NDArray[np.int64],
        place: npt.NDArray[np.integer],
    ) -> None:
        self.value[:, units] = np.take_along_axis(value, order, 0)
        self.number[:, units] = np.take_along_axis(number, order, 0)
        self.position[:, units] = np.take_along_axis(place, order, 0)


def _largest(
    value: npt.NDArray[np.float32], number: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.intp]:
    """Return which entries of each column are the largest; no image counts as the last one."""
    late = np.where(number < 0, np.iinfo(np.int64).max, number)
    return np.lexsort((late, -value), axis=0)[:count]
