"""How the derivative of an operation joins units of its input and its output.

Each is a ``Convolved`` or some ``Moved``, one per input that moves; their results add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from blockscope.autodiff.linear_ops.convolution import Convolution
from blockscope.autodiff.linear_ops.elementwise import BatchNorm, Elementwise
from blockscope.autodiff.linear_ops.linear_op import LinearOp
from blockscope.autodiff.linear_ops.pooling import AveragePooling, MaxPooling
from blockscope.autodiff.linear_ops.shape_ops import Add, Concat, Identity, Pad, Reduce
from blockscope.autodiff.linear_ops.smooth_pooling import SmoothPooling
from blockscope.autodiff.windows import CoefficientMap, Sliding

Array = npt.NDArray[Any]
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Moved:
    """Each unit of an input goes to some of the output, times a number.

    Attributes
    ----------
    number
        Which input of the operation.
    source
        Numbers of units of the input, (pair): position * channels + channel.
    goal
        Numbers of units of the output, (pair).
    factor
        Of each pair, (pair); 1 where None.
    """

    number: int
    source: Indexes
    goal: Indexes
    factor: Array | None = None


@dataclass(frozen=True, eq=False)
class Convolved:
    """Each position of the output is a sum of positions of the first input, each times a matrix.

    Attributes
    ----------
    source
        Positions of the input, (pair).
    goal
        Positions of the output, (pair).
    tap
        Number of the matrix, (pair).
    weights
        The matrices, (tap, channel, output channel).
    """

    source: Indexes
    goal: Indexes
    tap: Indexes
    weights: Array

    def reads_like(self, other: Convolved) -> bool:
        """Tell whether every position reads the same positions, in the same order.

        Kernels of other sizes do too where a map is as small as what they have in common.
        """
        if len(self.weights) != len(other.weights):
            return False
        mine, others = (self.source, self.goal, self.tap), (other.source, other.goal, other.tap)
        return all(map(np.array_equal, mine, others))


Rule = list[Moved] | Convolved


def rule_of(op: LinearOp) -> Rule | None:
    """Return how an operation joins units of maps; None where there is no rule for it."""
    known = _RULES.get(type(op))
    return known(op) if known is not None and _on_maps(op) else None


def _on_maps(op: LinearOp) -> bool:
    moving = [op.point.inputs[number] for number in op.point.moving]
    return all(value.shape.rank == 4 and value.shape[0] == 1 for value in moving)


def _convolved(op: Convolution) -> Rule | None:
    if op.grouped:
        return None
    source, goal, tap = _pairs(op.sliding)
    rows, cols, channels, outputs = op.weights.shape
    weights = np.asarray(op.weights).reshape(rows * cols, channels, outputs)
    return Convolved(source, goal, tap, weights)


def _pairs(sliding: Sliding) -> tuple[Indexes, Indexes, Indexes]:
    """Return which input position each output position reads by which cell of the kernel."""
    axes = []
    for axis in (0, 1):
        out = np.arange(sliding.size_out[axis])[:, None]
        cell = np.arange(sliding.kernel[axis])
        read = out * sliding.stride[axis] - sliding.before[axis] + cell
        inside = (read >= 0) & (read < sliding.size_in[axis])
        axes.append((*np.nonzero(inside), read[inside]))
    (row_out, row_cell, row_in), (col_out, col_cell, col_in) = axes
    goal = row_out[:, None] * sliding.size_out[1] + col_out
    tap = row_cell[:, None] * sliding.kernel[1] + col_cell
    source = row_in[:, None] * sliding.size_in[1] + col_in
    return source.ravel(), goal.ravel(), tap.ravel()


def _units(positions: Indexes, channels: int) -> Indexes:
    return (positions[:, None] * channels + np.arange(channels)).ravel()


def _in_place(op: LinearOp, number: int, factor: Array | None) -> Moved:
    every = np.arange(op.point.output.shape.num_elements())
    return Moved(number, every, every, factor)


def _identity(op: Identity) -> Rule:
    return [_in_place(op, 0, None)]


def _elementwise(op: Elementwise) -> Rule | None:
    shape = op.point.output.shape
    parts = []
    for number in op.point.moving:
        slope = op.slopes[number]
        if op.point.inputs[number].shape != shape or not isinstance(slope, CoefficientMap):
            return None
        factor = np.broadcast_to(slope.values, shape).ravel()
        if not np.isfinite(factor).all():
            return None  # a pole, which only tangents of zero pass
        parts.append(_in_place(op, number, factor))
    return parts


def _batch_norm(op: BatchNorm) -> Rule:
    return [_in_place(op, 0, np.broadcast_to(op.factor, op.point.output.shape).ravel())]


def _add(op: Add) -> Rule | None:
    if not op.takes_windows:
        return None
    return [
        _in_place(op, n, None if op.signs[n] > 0 else np.full(_size(op), -1.0, _dtype(op)))
        for n in op.point.moving
    ]


def _concat(op: Concat) -> Rule | None:
    if not op.takes_windows:
        return None
    rows, cols, channels = op.point.output.shape[1:]
    place = np.arange(rows * cols * channels).reshape(rows * cols, channels)
    ends = np.cumsum([value.shape[3] for value in op.point.inputs[:-1]])
    parts = []
    for number in op.point.moving:
        width = op.point.inputs[number].shape[3]
        goal = place[:, ends[number] - width : ends[number]].ravel()
        parts.append(Moved(number, np.arange(len(goal)), goal))
    return parts


def _pad(op: Pad) -> Rule | None:
    if not op.takes_windows:
        return None
    (_, rows, cols, channels), (_, _, wide, _) = op.point.inputs[0].shape, op.point.output.shape
    row = np.arange(rows)[:, None] + op.edges[1, 0]
    goal = (row * wide + np.arange(cols) + op.edges[2, 0]).ravel()
    return [Moved(0, np.arange(rows * cols * channels), _units(goal, channels))]


def _max_pooling(op: MaxPooling) -> Rule:
    place = np.asarray(op.place).ravel().astype(np.intp)
    return [Moved(0, place, np.arange(len(place)))]


def _average_pooling(op: AveragePooling) -> Rule:
    source, goal, _ = _pairs(op.sliding)
    channels = op.point.output.shape[3]
    share = (1 / np.bincount(goal))[goal].astype(_dtype(op))
    return [Moved(0, _units(source, channels), _units(goal, channels), np.repeat(share, channels))]


def _smooth_pooling(op: SmoothPooling) -> Rule:
    source, goal, _ = _pairs(op.sliding)
    share = (1 / np.bincount(goal))[goal].astype(_dtype(op))[:, None]
    channels = op.point.output.shape[3]
    heads = (np.asarray(part.values).reshape(-1, channels) for part in op.before)
    tails = (np.asarray(part).reshape(-1, channels) for part in op.after)
    pairs = zip(heads, tails, strict=True)
    factor = sum(after[goal] * share * before[source] for before, after in pairs)
    return [Moved(0, _units(source, channels), _units(goal, channels), factor.ravel())]


def _reduce(op: Reduce) -> Rule | None:
    if not op.takes_windows:
        return None
    _, rows, cols, channels = op.point.inputs[0].shape
    units = np.arange(rows * cols * channels)
    return [Moved(0, units, units % channels, np.full(len(units), op.share, _dtype(op)))]


def _size(op: LinearOp) -> int:
    return int(op.point.output.shape.num_elements())


def _dtype(op: LinearOp) -> Any:
    return op.point.output.dtype.as_numpy_dtype


_RULES: dict[type[LinearOp], Callable[[Any], Rule | None]] = {
    Convolution: _convolved,
    Identity: _identity,
    Elementwise: _elementwise,
    BatchNorm: _batch_norm,
    Add: _add,
    Concat: _concat,
    Pad: _pad,
    MaxPooling: _max_pooling,
    AveragePooling: _average_pooling,
    SmoothPooling: _smooth_pooling,
    Reduce: _reduce,
}
