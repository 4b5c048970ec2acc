"""Where the positions of two layers meet with the least work.

With u(p2) a vector at a position of the target, A(p1) the layer's activations at one of its
positions and J the Jacobian, <u(p2), J A(p1)> is wanted for all pairs. At a tensor between that
every way passes through, J = J_late J_early, and this is <J_late' u(p2), J_early A(p1)>: windows
from both ends, which are small there, and a product of matrices. Forward mode is the meeting at the
target, reverse mode that at the layer.
"""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import tensorflow as tf

from blockscope.autodiff.batches import REVERSE_COST
from blockscope.autodiff.linear_map import WINDOW_SHARE, LinearMap
from blockscope.autodiff.pulled_windows import frames_pulled
from blockscope.autodiff.windows import Frame, cells_of, size_of, union


def cheapest_meeting(linear: LinearMap) -> str | None:
    """Return the tensor at which all positions of layer and target meet with the least work.

    None where reverse mode on whole maps takes less. Multiplications are counted, those of reverse
    mode on whole maps ``REVERSE_COST`` times.
    """
    places = meeting_places(linear)
    best = min(places, key=lambda edge: places[edge])
    whole = REVERSE_COST * cells_of(linear.output) * linear.multiplications_per_cotangent()
    return best if places[best] <= whole else None


def meeting_places(linear: LinearMap) -> dict[str, int]:
    """Return the tensors at which positions can meet, and the multiplications that this takes.

    They are those that every way from layer to target passes through, and after which all
    operations take windows in reverse mode; the target is always one of them. Multiplications are
    counted on the windows' frames: nothing is computed.
    """
    count1, count2 = cells_of(linear.value), cells_of(linear.output)
    early, cells = _pushed(linear)
    late = _pulled(linear)
    names = [linear.layer, *(name for name, _, _ in linear.ops)]
    values = [linear.value, *(op.point.output for _, _, op in linear.ops)]
    places = {}
    for i in _bottlenecks(linear):
        if all(op.pulls_windows for _, _, op in linear.ops[i:]):
            # At the target, a window meets the vectors of its own cells alone.
            pairs = count1 * (1 if names[i] == linear.target else count2)
            product = pairs * cells[i] * values[i].shape[-1]
            places[names[i]] = count1 * sum(early[:i]) + count2 * sum(late[i:]) + product
    return places


def _bottlenecks(linear: LinearMap) -> list[int]:
    """Return after how many operations all that is read later is the last one's output."""
    last_use = {edge: i for i, (_, edges, _) in enumerate(linear.ops) for edge in edges}
    names = [linear.layer, *(name for name, _, _ in linear.ops)]
    reach = np.maximum.accumulate([last_use.get(name, -1) for name in names])
    # What was made before the output of operation i - 1 is not read by operation i or a later one.
    return [i for i in range(len(names)) if i == 0 or reach[i - 1] < i]


def _pushed(linear: LinearMap) -> tuple[list[int], list[int]]:
    """Return what a position of the layer takes, followed to the target in windows.

    The multiplications of each operation; the cells that a tangent covers, in the layer and in the
    output of each operation.
    """
    frames: dict[str, Frame | None] = {}  # None: whole maps

    def keep(name: str, frame: Frame | None, value: tf.Tensor) -> int:
        if value.shape.rank != 4 or frame is None or frame.covers(size_of(value), WINDOW_SHARE):
            frames[name] = None
            return cells_of(value)
        frames[name] = frame
        return frame.rows * frame.cols

    costs, cells = [], [keep(linear.layer, _central_position(linear.value), linear.value)]
    for name, edges, op in linear.ops:
        read = [frames[edges[number]] for number in op.point.moving]
        windows = [frame for frame in read if frame is not None]
        if op.takes_windows and len(windows) == len(read):
            costs.append(op.cost(windows[0].rows * windows[0].cols))
            cells.append(keep(name, op.outputs_of(union(windows)), op.point.output))
        else:
            costs.append(op.cost(cells_of(op.point.inputs[0])))
            cells.append(keep(name, None, op.point.output))
    return costs, cells


def _pulled(linear: LinearMap) -> list[int]:
    """Return the multiplications of each operation for a position of the target, in reverse.

    0 for those before the last that takes no windows.
    """
    late = list(takewhile(lambda step: step[2].pulls_windows, reversed(linear.ops)))[::-1]
    centre = _central_position(linear.output)
    frames = frames_pulled(late, centre)
    costs = [
        op.cost_back(frame.rows * frame.cols) if frame else 0
        for frame, (_, _, op) in zip(frames, late, strict=True)
    ]
    return [0] * (len(linear.ops) - len(late)) + costs


def _central_position(value: tf.Tensor) -> Frame:
    rows, cols = size_of(value)
    return Frame(np.array([rows // 2], np.int32), np.array([cols // 2], np.int32), 1, 1)
