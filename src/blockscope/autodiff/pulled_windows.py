"""Cotangents that are zero but for a window, pulled back through operations.

The reverse of what ``LinearMap`` does with tangents: a position of the target depends on the cells
that it is computed from alone.
"""

from __future__ import annotations

import tensorflow as tf

from blockscope.autodiff.linear_map import WINDOW_SHARE, Ops
from blockscope.autodiff.windows import Frame, Size, Window, union


def pull(ops: Ops, cotangents: Window) -> Window:
    """Return the cotangents of a tensor that every way to the target passes through.

    The vector-Jacobian product of windows.

    Parameters
    ----------
    ops
        The operations from that tensor to the target, in order, as ``LinearMap.ops`` has them: at
        least one, and all have ``pulls_windows``. The first reads that tensor.
    cotangents
        Those of the target, the output of the last.

    Returns
    -------
    cotangents
        Those of the tensor. Windows that would cover most of the map have the whole map as frame.
    """
    pulled = {ops[-1][0]: [cotangents]}
    for name, edges, op in reversed(ops):
        if name not in pulled:
            continue
        cotangent = _sum(pulled.pop(name), op.point.size_out)
        for number, window in zip(op.point.moving, op.vjp_windows(cotangent), strict=True):
            pulled.setdefault(edges[number], []).append(window)
    (left,) = pulled.values()
    first = ops[0][2].point
    rows, cols = first.inputs[first.moving[0]].shape[1:3]
    return _sum(left, (rows, cols))


def frames_pulled(ops: Ops, cotangents: Frame) -> list[Frame | None]:
    """Return the frame of each operation's output in ``pull``; None where nothing arrives."""
    pulled = {ops[-1][0]: [cotangents]} if ops else {}
    found: list[Frame | None] = []
    for name, edges, op in reversed(ops):
        frame = _joined(pulled.pop(name), op.point.size_out) if name in pulled else None
        found.append(frame)
        if frame is not None:
            for number in op.point.moving:
                pulled.setdefault(edges[number], []).append(op.inputs_of(frame))
    return found[::-1]


def _sum(windows: list[Window], size: Size) -> Window:
    """Add windows on the frame that holds them all, or on the whole map where that covers most."""
    frame = _joined([window.frame for window in windows], size)
    values = [window.reframed(frame).values for window in windows]
    clean = all(window.clean for window in windows)
    return Window(frame, values[0] if len(values) == 1 else tf.add_n(values), clean)


def _joined(frames: list[Frame], size: Size) -> Frame:
    frame = union(frames)
    return Frame.whole(len(frame.top), size) if frame.covers(size, WINDOW_SHARE) else frame
