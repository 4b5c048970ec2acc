"""A TensorFlow tensor that stands for an ONNX tensor, with its axes in another order.

Where an image tensor is (1, channel, row, col) in ONNX, TensorFlow's is (image, row, col, channel).
Transposing moves nothing: only the order of the axes is noted, and operations that need another
order ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Constant = npt.NDArray[Any]  # in ONNX's order of axes
Shape = tuple[int, ...]

CHANNELS_LAST = (2, 3, 1)  # of an image tensor (1, channel, row, col)
MAP = ("", "channel", "row", "col")
MAP_LAST = ("row", "col", "channel")


@dataclass(frozen=True, eq=False)
class Tensor:
    """One ONNX tensor that depends on the image.

    Attributes
    ----------
    value
        TensorFlow's tensor, (image, ...).
    shape
        ONNX's shape for one image.
    axes
        The ONNX axis of each axis of ``value`` behind the first. Those left out have one entry.
    roles
        What each ONNX axis is, where that is known: "row", "col", "channel", or nothing.
    """

    value: Any
    shape: Shape
    axes: Shape
    roles: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """Number of ONNX axes."""
        return len(self.shape)

    @property
    def sizes(self) -> Shape:
        """The shape of ``value`` behind the image axis."""
        return tuple(self.shape[axis] for axis in self.axes)

    @property
    def is_map(self) -> bool:
        """Whether ``value`` is known to be (image, row, col, channel)."""
        return tuple(self.roles[axis] for axis in self.axes) == MAP_LAST

    def has_places(self, axis: int) -> bool:
        """Tell whether an axis has the image's rows, columns or tokens, or may have them."""
        role = self.roles[axis] if self.roles else ""
        return role in ("row", "col", "token") or (not role and self.rank == 4 and axis > 1)

    def place(self, axis: int) -> int:
        """Return which axis of ``value`` an ONNX axis is."""
        return 1 + self.axes.index(axis)

    def transposed(self, permutation: Sequence[int]) -> Tensor:
        """Return the tensor whose axis ``i`` is axis ``permutation[i]`` of this one."""
        order = list(permutation)
        return Tensor(
            self.value,
            tuple(self.shape[axis] for axis in order),
            tuple(order.index(axis) for axis in self.axes),
            tuple(self.roles[axis] for axis in order),
        )

    def with_rank(self, rank: int) -> Tensor:
        """Return the tensor with leading axes of one entry, as broadcasting adds them."""
        more = rank - self.rank
        return Tensor(
            self.value,
            (1,) * more + self.shape,
            tuple(axis + more for axis in self.axes),
            ("",) * more + self.roles,
        )


def of_map(value: Any, shape: Shape) -> Tensor:
    """Return the tensor (1, channel, row, col) of a ``value`` (image, row, col, channel)."""
    return Tensor(value, shape, CHANNELS_LAST, MAP)


def natural_axes(shape: Shape) -> Shape:
    """Return the order that a shape has in TensorFlow where nothing says another one."""
    if len(shape) == 4 and shape[0] == 1:
        return CHANNELS_LAST
    return tuple(range(1 if shape and shape[0] == 1 else 0, len(shape)))


def wide(axes: Sequence[int], shape: Shape) -> list[int]:
    """Return the axes of more than one entry, in the given order."""
    return [axis for axis in axes if shape[axis] != 1]


def arranged_constant(array: Constant, rank: int, axes: Shape) -> Constant:
    """Return a constant as it meets a tensor of ``rank`` whose axes are in the order ``axes``."""
    whole = array.reshape((1,) * (rank - array.ndim) + array.shape)
    left_out = [axis for axis in range(rank) if axis not in axes]
    moved = np.transpose(whole, [*left_out, *axes])
    moved = moved.reshape(moved.shape[len(left_out) :])
    sizes: list[int] = list(moved.shape)
    needed = [axis for axis in range(moved.ndim) if sizes[axis] != 1]
    shape = sizes[needed[0] :] if needed else []
    return np.ascontiguousarray(moved).reshape(shape)
