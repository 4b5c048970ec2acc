"""Attribution between the positions of two layers.

The notebook on spatial attribution calls it ``raw_spatial_spatial_attr``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import xarray as xr
from tqdm import tqdm

from blockscope.autodiff.batches import Mode, in_batches
from blockscope.autodiff.cell_products import by_cell, products
from blockscope.autodiff.linear_map import LinearMap
from blockscope.autodiff.meeting import cheapest_meeting
from blockscope.autodiff.pulled_windows import pull
from blockscope.autodiff.windows import Frame, Window
from blockscope.io import datasets


def attribute_positions(
    linear: LinearMap, memory_mb: int = 2048, mode: Mode | None = None, progress: bool = False
) -> npt.NDArray[np.float32]:
    """Return the attribution between the positions of two layers, in units of layer 2.

    Entry (row2, col2, row1, col1) is ``sum over channel of A1 * d|A2| / dA1``: A1 the activations
    of layer 1 at (row1, col1), ``|A2|`` the Euclidean norm of layer 2's vector at (row2, col2). It
    is 0 where that vector is zero, whose norm has no gradient. Read with the last two axes first,
    it shows what each position of layer 1 contributes to. Source: Olah et al. 2018, notebook on
    spatial attribution.

    Parameters
    ----------
    linear
        Leads from layer 1 to layer 2.
    memory_mb
        Bounds the batches; does not change the result.
    mode
        Forward mode takes one Jacobian-vector product per position of layer 1; reverse mode one
        vector-Jacobian product per position of layer 2. If not given, both meet at the tensor
        between where that is cheapest.
    progress
        Whether to show a progress bar.

    Returns
    -------
    attribution
        float32, (row2, col2, row1, col1).
    """
    size1, size2 = linear.value.shape[1:3], linear.output.shape[1:3]
    # d|A2| = <A2 / |A2|, dA2>: with unit vectors, both modes need no second derivative.
    directions = tf.math.divide_no_nan(
        linear.output, tf.norm(linear.output, axis=-1, keepdims=True)
    )
    ends = {Mode.FORWARD: linear.target, Mode.REVERSE: None}
    edge = ends[mode] if mode else cheapest_meeting(linear)
    if edge is None:
        found = _reverse(linear, directions, memory_mb, progress)
    elif edge == linear.target:
        found = _forward(linear, directions, memory_mb, progress)
    else:
        found = _meeting(linear, directions, edge, memory_mb, progress)
    return found.reshape(*size2, *size1)


def _forward(
    linear: LinearMap, directions: tf.Tensor, memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    """Return (position of layer 2, position of layer 1)."""
    positions = _positions(linear.value)
    batches = in_batches(positions, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="positions", unit="batch", disable=not progress)
    maps = [tf.reduce_sum(linear.jvp_positions(b) * directions, -1).numpy() for b in bar]
    found = np.concatenate(maps)  # (position of layer 1, row2, col2)
    return np.ascontiguousarray(found.reshape(len(positions), -1).T)


def _reverse(
    linear: LinearMap, directions: tf.Tensor, memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    """Return (position of layer 2, row1, col1)."""
    rows, cols, channels = linear.output.shape[1:]
    wanted = np.arange(rows * cols, dtype=np.int32)
    batches = in_batches(wanted, linear.bytes_per_tangent(), memory_mb)
    bar = tqdm(batches, desc="positions", unit="batch", disable=not progress)
    vectors = tf.reshape(directions, [rows * cols, 1, channels])
    maps = []
    for batch in bar:
        single = tf.one_hot(batch, rows * cols, dtype=linear.output.dtype)[..., None]
        cotangents = tf.reshape(
            single * tf.gather(vectors, batch), [len(batch), rows, cols, channels]
        )
        maps.append(tf.reduce_sum(linear.vjp(cotangents) * linear.value, -1).numpy())
    return np.concatenate(maps)


def _meeting(
    linear: LinearMap, directions: tf.Tensor, edge: str, memory_mb: int, progress: bool
) -> npt.NDArray[np.float32]:
    """Return (position of layer 2, position of layer 1), by products at a tensor between."""
    number = [linear.layer, *(name for name, _, _ in linear.ops)].index(edge)
    early, late = linear.ops[:number], linear.ops[number:]
    between = early[-1][2].point.output if early else linear.value
    size = (between.shape[1], between.shape[2])
    # Half of the memory is for the maps of as many positions of layer 2 as fit, half for batches.
    half, each, bytes_ = memory_mb // 2, linear.bytes_per_tangent(), between.dtype.size
    map_bytes = bytes_ * between.shape.num_elements()
    ends = _positions(linear.output)
    groups = in_batches(ends, map_bytes, half, largest=len(ends))
    with_products = each + bytes_ * size[0] * size[1] * len(groups[0])
    starts = in_batches(_positions(linear.value), with_products, half)
    found = []
    count = len(groups) * len(starts)
    with tqdm(total=count, desc="positions", unit="batch", disable=not progress) as bar:
        for group in groups:
            pulled = [pull(late, _at(directions, some)) for some in in_batches(group, each, half)]
            maps = tf.concat([by_cell(window, size) for window in pulled], 1)
            rows = []
            for batch in starts:
                pushed = linear.jvp_windows(batch, early)
                rows.append(products(pushed, maps, size).numpy())
                bar.update()
            found.append(np.concatenate(rows))  # (position of layer 1, some of layer 2)
    return np.ascontiguousarray(np.concatenate(found, 1).T)


def _positions(value: tf.Tensor) -> npt.NDArray[np.int32]:
    """Return all positions of a map, row by row, (position, row and col)."""
    return np.argwhere(np.ones(value.shape[1:3], bool)).astype(np.int32)


def _at(value: tf.Tensor, positions: npt.NDArray[np.int32]) -> Window:
    """Return the vectors at some positions as windows of one cell."""
    frame = Frame(positions[:, 0], positions[:, 1], 1, 1)
    return Window(frame, tf.gather_nd(value[0], positions)[:, None, None, :])


def named_positions(attribution: npt.NDArray[np.float32]) -> xr.Dataset:
    """Name the axes of an attribution (row2, col2, row1, col1)."""
    note = {
        "long_name": "activation of layer1 times gradient of the length of layer2",
        "units": "1",
    }
    axes = ("row2", "col2", "row1", "col1")
    return xr.Dataset({"attribution": (axes, datasets.as_float32(attribution), note)})
